// The format within a paragraph: bold, italic, struck out, code, links and references. The time is linear in the length of the text.
import { isMisleading } from "./link";
import { addText, plainText, type Budget, type Inline, type Known } from "./richtext";
import { Tokenizer, type Mark, type Token } from "./tokens";

const maxDepth = 6; // levels of elements

export function parseInline(text: string, known: Known, budget: Budget): Inline[] {
  const tokens = new Tokenizer(text, known, budget).run();
  return build(tokens, 0, tokens.length, { depth: 0, inLink: false });
}

interface Place {
  depth: number;
  inLink: boolean;
}

function build(tokens: Token[], from: number, to: number, place: Place): Inline[] {
  const list: Inline[] = [];
  for (let i = from; i < to; i++) {
    const token = tokens[i] as Token;
    if (token.type === "mark") {
      if (token.partner > i && place.depth < maxDepth) {
        list.push(...elementOf(token, tokens, i, place));
        i = token.partner;
      } else {
        addText(list, token.text);
      }
    } else if (token.type === "text" || place.inLink && token.type !== "code") {
      addText(list, plainText([token]));
    } else {
      list.push(token);
    }
  }
  return list;
}

function elementOf(mark: Mark, tokens: Token[], at: number, { depth, inLink }: Place): Inline[] {
  const { kind, href } = mark;
  const children = build(tokens, at + 1, mark.partner, { depth: depth + 1, inLink: inLink || kind === "link" });
  switch (kind) {
    case "both":
      return [{ type: "strong", children: [{ type: "em", children }] }];
    case "link": {
      const label = plainText(children);
      if (label.trim() === "") {
        return [{ type: "link", href, children: [{ type: "text", text: href }] }];
      }
      const isFalse = isMisleading(label, href);
      return isFalse ? [...children, { type: "text", text: " " }, { type: "link", href, children: [{ type: "text", text: href }] }]
        : [{ type: "link", href, children }];
    }
    default:
      return [{ type: kind, children }];
  }
}
