// Finds the browser. Run by itself, it prints the path, or says what is missing and exits 1.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const shells = ["chromium-headless-shell", "chrome-headless-shell"];

function executable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const onPath = (all) => all.flatMap((name) => (process.env.PATH ?? "").split(delimiter).filter(Boolean).map((dir) => join(dir, name)));

// findShell is $CHROMIUM where that is set, or the headless shell of Chromium: the same engine without the windows of a browser, for about half of
// the CPU time. Without a shell it is findChromium.
export function findShell() {
  return (!process.env.CHROMIUM && onPath(shells).find(executable)) || findChromium();
}

// findChromium is $CHROMIUM where that is set, or the first of the usual ones.
export function findChromium() {
  const chosen = process.env.CHROMIUM;
  if (chosen) {
    if (!executable(chosen)) {
      throw new Error(`CHROMIUM=${chosen} cannot be executed`);
    }
    return chosen;
  }
  const found = ["/usr/bin/chromium", ...onPath(names)].find(executable);
  if (!found) {
    throw new Error("no Chromium found: install it (on Debian: apt-get install chromium), or set CHROMIUM to its path");
  }
  return found;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    console.log(findChromium());
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
