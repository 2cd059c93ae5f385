// Content of people who want to break the page.

const run = "window.broken = true";

// markup is text that a page would run or draw if it took it for HTML or for a template.
export const markup = [
  `<script>${run}</script>`,
  `<img src=x onerror="${run}">`,
  `<svg/onload=${run}><animate onbegin=${run} attributeName=x dur=1s>`,
  `"><iframe srcdoc="<script>parent.broken = true</script>"></iframe>`,
  `</article></div></main><style>* { display: none }</style><base href="https://evil.example/">`,
  `<a href="javascript:${run}">here</a> <form action="https://evil.example/"><button>Send</button></form>`,
  `&lt;b&gt; &amp; &#60;script&#62; &nbsp; %3Cscript%3E \\u003cscript\\u003e`,
  "{{constructor.constructor('broken = 1')()}} ${broken = 1} {name} {n} #{1} <%= 1 %>",
  "constructor hasOwnProperty toString valueOf",
];

// letters is text whose characters turn, hide or grow.
export const letters = [
  "file \u202Egnp.exe\u202C and \u2067back\u2069 \u2066left \u202Dover",
  "\u2069\u2069\u202Eleft open",
  "zero\u200Bwidth\u200D\uFEFF\u2060\u00ADhere",
  `Z${"\u0301\u0327\u20DD".repeat(60)}algo ${"\u{1D16E}".repeat(40)}`,
  "W".repeat(4000),
  `https://example.org/${"path".repeat(500)}`,
  "日本".repeat(1500),
  "ﷺ".repeat(300),
  "🎉".repeat(3000),
  "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿".repeat(200),
  "\u00A0\u3000\u2003x",
  "שלום (abc) 123, مرحبا [x] 1/2",
];

// format is deep or broken Markdown. Its text is not what was written, but what it becomes has bounds.
export const format = [
  `[here](javascript:${run}) [here](JaVaScRiPt:${run}) [here](\tjavascript:${run}) [here](java\nscript:${run})`,
  `[here](data:text/html,<script>${run}</script>) [here](vbscript:x) [here](blob:x) [here](//evil.example) [here](file:///etc/passwd)`,
  `![here](x" onerror="${run}) <javascript:${run}> javascript:${run} [here](https://x"onmouseover="${run})`,
  "[https://bank.example/](https://evil.example/)",
  `${"> ".repeat(400)}deep`,
  Array.from({ length: 60 }, (_, i) => `${"  ".repeat(i)}- level ${i}`).join("\n"),
  "**_~~`".repeat(700),
  "*".repeat(4000),
  "[".repeat(2000) + "](https://example.org)".repeat(90),
  `\`\`\`\n${"wide ".repeat(800)}\n\`\`\``,
  `${"1. x\n".repeat(400)}`,
  "#".repeat(1000) + "@".repeat(1000) + ":".repeat(1000),
];

export const names = {
  plain: "Ada",
  html: `<img src=x onerror="${run}">`,
  turned: "\u2069\u202Ereverse",
  hidden: "A\u200Bd\u2060a",
  wide: "W".repeat(120),
  rtl: "שרה אבג",
  '<svg onload="window.broken=1">': '"><script>window.broken = true</script>',
};
