// Package site makes the documentation site: HTML of the pages in docs/. It has no script.
//
//	docs.Files -> Build -> path: content     one HTML page for each page, the style, pictures as they are
//	                    -> Handler           /docs/ of the admin port; it builds the site at the first request
//	                    -> server/site/build dist/docs, for a web server
//
// The headings have the anchors of GitHub, so each link works in the repository and in the site.
package site
