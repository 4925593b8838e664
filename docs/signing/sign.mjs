// Sends a signed request with Node 18 or later, and prints the status:
//   LATCHKEY_URL=… LATCHKEY_TOKEN=… node sign.mjs GET '/api/repos?limit=5'
//   LATCHKEY_URL=… LATCHKEY_TOKEN=… node sign.mjs POST /api/repos '{"name":"acme/api"}'
import { createHash, createHmac, randomBytes } from "node:crypto";

export function sign(token, method, path, body = "") {
  const timestamp = Date.now().toString();
  const nonce = randomBytes(16).toString("hex");
  const bodyHash = createHash("sha256").update(body).digest("hex");
  const signature = createHmac("sha256", token)
    .update(`${timestamp}:${nonce}:${method}:${path}:${bodyHash}`)
    .digest("hex");
  return { "x-cli-signature": signature, "x-cli-timestamp": timestamp, "x-cli-nonce": nonce };
}

const [method, path, body] = process.argv.slice(2);
const { LATCHKEY_URL: url, LATCHKEY_TOKEN: token } = process.env;
const headers = { authorization: `Bearer ${token}`, ...sign(token, method, path, body) };
if (body) headers["content-type"] = "application/json";
const response = await fetch(url + path, { method, headers, body });
console.log(response.status);
