// Numbers as operators read them.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const clockText = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const minuteText = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });

export type Format = (value: number) => string;

export const count: Format = (n) => whole.format(n);

export const rate: Format = (n) => (n >= 100 ? whole.format(n) : short.format(n));

export const bytes: Format = (n) => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${short.format(n)} ${units[unit]}`;
};

export const millis: Format = (n) => (n >= 1000 ? `${short.format(n / 1000)} s` : `${short.format(n)} ms`);

export const cores: Format = (n) => n.toFixed(n < 10 ? 2 : 1);

// duration returns the two largest units of some seconds.
export const duration: Format = (seconds) => {
  const units: [string, number][] = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const parts: string[] = [];
  for (const [name, size] of units) {
    const n = Math.floor(seconds / size);
    seconds -= n * size;
    if (n > 0 || (parts.length > 0 && parts.length < 2)) {
      parts.push(`${n} ${name}`);
    }
    if (parts.length === 2) {
      break;
    }
  }
  return parts.join(" ") || "0 s";
};

// clock returns the time of Unix seconds.
export const clock: Format = (at) => clockText.format(at * 1000);

export const minute: Format = (at) => minuteText.format(at * 1000);

// nice returns the smallest number of 1, 2 or 5 and zeros that is not below a value: the top of a scale.
export function nice(value: number): number {
  if (value <= 0) {
    return 1;
  }
  const decade = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((s) => s * decade >= value * 0.999999) ?? 10;
  return step * decade;
}

// niceBytes does the same with powers of 2.
export function niceBytes(value: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(value, 1024)));
}
