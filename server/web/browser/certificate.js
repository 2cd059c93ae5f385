// Certificates for servers that use TLS.
import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePort, Server } from "./server.js";

const days = ["-days", "2"];
const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

// makeCertificate makes an authority, and a certificate of it for localhost and 127.0.0.1. ca, cert and key are paths; chromium are the flags with
// which Chromium trusts this one certificate. The files are removed when this process ends.
export function makeCertificate() {
  const dir = mkdtempSync(join(tmpdir(), "throng-tls-"));
  process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
  const openssl = (...args) => execFileSync("openssl", args, { cwd: dir, stdio: ["ignore", "ignore", "pipe"] });
  openssl("req", "-x509", ...newKey, ...days, "-subj", "/CN=throng test authority", "-addext", "keyUsage=critical,keyCertSign", "-keyout", "ca.key", "-out", "ca.crt");
  openssl("req", "-new", ...newKey, "-subj", "/CN=localhost", "-keyout", "tls.key", "-out", "tls.csr");
  writeFileSync(join(dir, "extensions"), `subjectAltName=DNS:localhost,IP:127.0.0.1
basicConstraints=CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
`);
  openssl("x509", "-req", "-in", "tls.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", ...days, "-extfile", "extensions", "-out", "tls.crt");
  const { publicKey } = new X509Certificate(readFileSync(join(dir, "tls.crt")));
  const spki = createHash("sha256").update(publicKey.export({ type: "spki", format: "der" })).digest("base64");
  return {
    dir,
    ca: join(dir, "ca.crt"),
    cert: join(dir, "tls.crt"),
    key: join(dir, "tls.key"),
    chromium: [`--ignore-certificate-errors-spki-list=${spki}`],
  };
}

// startOverTLS starts a server of a config file with an engine of TLS. tls is its TLS port.
export async function startOverTLS(binary, config, engine, certificate, ...flags) {
  const file = join(certificate.dir, `${engine}.toml`);
  const { cert, key } = certificate;
  writeFileSync(file, `${readFileSync(config, "utf8")}
[tls]
engine = ${JSON.stringify(engine)}
cert = [${JSON.stringify(cert)}]
key = [${JSON.stringify(key)}]
`);
  const tls = await freePort();
  const server = await Server.start(binary, await freePort(), "--config", file, "--tls-listen", `127.0.0.1:${tls}`, ...flags);
  return Object.assign(server, { tls });
}
