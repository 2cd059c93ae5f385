package session

import "github.com/throng-chat/throng/server/chat"

// The token of a session.

// kept returns what the session keeps of its token; the zero value without a token.
func (s *Session) kept() connectionToken {
	if s.token == nil {
		return connectionToken{}
	}
	return *s.token
}

// keepToken changes what the session keeps of its token.
func (s *Session) keepToken(change func(*connectionToken)) {
	if s.token == nil {
		s.token = &connectionToken{}
	}
	change(s.token)
}

// keepMeta keeps the metadata of a token for the application.
func (s *Session) keepMeta(meta []byte) {
	if meta != nil {
		s.keepToken(func(t *connectionToken) { t.meta = chat.Compact(meta) })
	}
}
