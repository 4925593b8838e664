// Connect's gRPC-Web transport, over HTTP/1.1 as in a browser: creates a token, lists, revokes it twice, and prints what
// came back.  node grpc-web.mjs URL BEARER DESCRIPTORS
import { readFile } from "node:fs/promises";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-node";

const [url, bearer, descriptors] = process.argv.slice(2);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(descriptors)));
const transport = createGrpcWebTransport({ baseUrl: url, httpVersion: "1.1" });
const tokens = createClient(registry.getService("controlplane.v1.APITokenService"), transport);
const headers = { authorization: `Bearer ${bearer}` };

const refusal = async (call) => {
  try {
    await call;
    return null;
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    return { code, message: rawMessage };
  }
};

// A refusal must not cost the connection that the next call is sent on.
for (let round = 0; round < 30; round += 1) {
  const { code } = await refusal(tokens.list({ pageToken: "x".repeat(2000) }));
  const refused = await refusal(tokens.list({}, { headers }));
  if (code !== 16 || refused) throw new Error(`round ${round}: ${code}, ${JSON.stringify(refused)}`);
}

const { result } = await tokens.create({ name: "From a page", scopes: ["scans:read"] }, { headers });
const listed = await tokens.list({}, { headers });
await tokens.revoke({ id: result.item.id }, { headers });
console.log(
  JSON.stringify({
    secret: result.jwt,
    scopes: result.item.scopes,
    names: listed.result.map((item) => item.name),
    again: await refusal(tokens.revoke({ id: result.item.id }, { headers })),
    nobody: await refusal(tokens.list({})),
    nameless: await refusal(tokens.create({}, { headers })),
  }),
);
