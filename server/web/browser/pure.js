// The parts of the page that need no browser, for tests in Node.js.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const web = fileURLToPath(new URL("..", import.meta.url));

// load builds files of server/web and what they import, as one program, and returns what they export.
export async function load(...files) {
  const dir = mkdtempSync(join(tmpdir(), "throng-page-"));
  process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
  const entry = join(dir, "entry.ts");
  const built = join(dir, `${basename(files[0], ".ts")}.mjs`);
  writeFileSync(entry, files.map((file) => `export * from ${JSON.stringify(join(web, file))};`).join("\n"));
  const args = ["run", "github.com/evanw/esbuild/cmd/esbuild", entry, "--bundle", "--format=esm", "--target=es2024", "--log-level=warning", `--outfile=${built}`];
  execFileSync("go", args, { cwd: web, stdio: ["ignore", "inherit", "inherit"] });
  return import(pathToFileURL(built).href);
}
