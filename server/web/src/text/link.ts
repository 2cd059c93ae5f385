// Addresses in a text.

const maxAddress = 2_048; // characters
const schemes = ["http:", "https:", "mailto:"];

// The address ends at white space, quotes, brackets, invisible characters and the punctuation of Chinese.
const bare = /https?:\/\/[^\s<>"`[\]\p{C}，。、；：！？「」『』（）《》【】]+/iuy;
const target = /\(([^\s()<>\p{C}]*(?:\([^\s()<>\p{C}]*\)[^\s()<>\p{C}]*)*)\)/uy; // a URL would drop invisible characters
const looksLikeAddress = /^\s*(?:[a-z][a-z\d+.-]*:\/\/|www\.|[\w-]+(?:\.[\w-]+)+(?:[/:?#]|\s*$))/iu;

// hrefOf returns an address in the form of a URL, or "" if the page does not link to it. Relative addresses and other schemes, such as
// javascript:, have no links.
export function hrefOf(address: string): string {
  if (address.length > maxAddress || !URL.canParse(address)) {
    return "";
  }
  const url = new URL(address);
  return schemes.includes(url.protocol) ? url.href : "";
}

// bareAddress returns the address that begins at a position of a text, or "". Punctuation at its end belongs to the sentence, and so does a
// parenthesis that the address does not open.
export function bareAddress(text: string, at: number): string {
  bare.lastIndex = at;
  const found = bare.exec(text)?.[0] ?? "";
  let unopened = count(found, ")") - count(found, "(");
  let end = found.length;
  for (;;) {
    const last = found.charAt(end - 1);
    if (last === ")" && unopened > 0) {
      unopened--;
    } else if (last === "" || !".,:;!?'*_~}".includes(last)) {
      break;
    }
    end--;
  }
  return found.slice(0, end);
}

// linkTarget returns the "(address)" that begins at a position of a text, or "".
export function linkTarget(text: string, at: number): string {
  target.lastIndex = at;
  return target.exec(text)?.[0] ?? "";
}

// isMisleading reports whether the label of a link looks like the address of another host.
export function isMisleading(label: string, href: string): boolean {
  if (!looksLikeAddress.test(label)) {
    return false;
  }
  const address = label.trim().replace(/^(?![a-z][a-z\d+.-]*:\/\/)/iu, "https://");
  return !URL.canParse(address) || new URL(address).host !== new URL(href).host;
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
}
