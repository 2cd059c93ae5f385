// Small pictures for the documentation: PNG with a palette.
import { crc32, deflateSync } from "node:zlib";

const most = 256; // colours: what one byte has

// small returns a picture of Chromium with fewer colours: those of most pixels, and for the others the nearest of them. The decoder is a page of
// the context.
export async function small(context, png) {
  const page = await context.newPage();
  const { width, height, pixels } = await page.evaluate(async (data) => {
    const image = new Image();
    image.src = `data:image/png;base64,${data}`;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height }).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const { data: bytes } = canvas.getImageData(0, 0, image.width, image.height);
    const url = await new Promise((resolve) => {
      const reader = Object.assign(new FileReader(), { onload: () => resolve(reader.result) });
      reader.readAsDataURL(new Blob([bytes]));
    });
    return { width: image.width, height: image.height, pixels: url.slice(url.indexOf(",") + 1) };
  }, png.toString("base64"));
  await page.close();
  return encode(width, height, Buffer.from(pixels, "base64"));
}

function encode(width, height, rgba) {
  const colours = Array.from({ length: width * height }, (_, i) => rgba.readUIntBE(4 * i, 3));
  const counts = new Map();
  for (const colour of colours) {
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const palette = Array.from(counts).sort(([, a], [, b]) => b - a).slice(0, most).map(([colour]) => colour);
  const places = new Map(Array.from(counts.keys(), (colour) => [colour, nearest(palette, colour)]));
  const rows = Buffer.alloc((width + 1) * height); // each row starts with its filter, which is 0
  colours.forEach((colour, i) => { rows[i + Math.floor(i / width) + 1] = places.get(colour); });
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 3, 0, 0, 0]); // 8 bits, palette
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", header), chunk("PLTE", Buffer.from(palette.flatMap(channels))),
    chunk("IDAT", deflateSync(rows, { level: 9 })), chunk("IEND", Buffer.alloc(0)),
  ]);
}

const channels = (colour) => [colour >> 16, colour >> 8 & 255, colour & 255];

function nearest(palette, colour) {
  const distance = (other) => channels(other).reduce((sum, value, i) => sum + (value - channels(colour)[i]) ** 2, 0);
  let best = 0;
  palette.forEach((other, i) => { if (distance(other) < distance(palette[best])) best = i; });
  return best;
}

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
}
