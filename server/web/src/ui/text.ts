// Text by the server's rules: length in bytes, characters of a name.

const encoder = new TextEncoder();

// byteLength returns the length of a text in UTF-8.
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

// invisible matches what a name may not have: controls and invisible characters. The selector that makes an emoji of a symbol is
// allowed behind one. It is the rule of server/name.
export const invisible = /(?!(?<=\p{So})\uFE0F)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{DI}\u2800]/gu;
