// A partner as somebody else would write it: openid-client (npm) finds the endpoints by discovery,
// proves who it is by private_key_jwt, binds its token to a key by DPoP with the server's nonce, posts
// and reads an event, and gives the token up.
//
//     node openid_client.mjs ISSUER CLIENT_ID KEY_FILE EVENT_FILE bearer|dpop
//
// KEY_FILE is a private JWK. What came of it is printed as JSON; an error of the token endpoint as
// {"error": ..., "error_description": ...}.
import { readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { dirname, join } from "node:path";

const modules = join(dirname(fileURLToPath(import.meta.url)), "../../.tools/node/node_modules");
const load = (path) => import(pathToFileURL(join(modules, path)));
const client = await load("openid-client/build/index.js");
const { importJWK } = await load("jose/dist/webapi/index.js");

const [issuer, clientId, keyFile, eventFile, mode] = process.argv.slice(2);
const jwk = JSON.parse(readFileSync(keyFile, "utf8"));
const key = await importJWK(jwk, jwk.alg);

const config = await client.discovery(
  new URL(issuer),
  clientId,
  undefined,
  client.PrivateKeyJwt({ key, kid: jwk.kid }),
  { algorithm: "oauth2", execute: [client.allowInsecureRequests] },
);
const pair = mode === "dpop" ? await client.randomDPoPKeyPair("ES256") : undefined;
const options = pair && { DPoP: client.getDPoPHandle(config, pair) };

const parts = { scope: "events:write events:read" };
let token;
try {
  token = await client.clientCredentialsGrant(config, parts, options);
} catch (error) {
  if (!error.error) throw error;
  console.log(JSON.stringify({ error: error.error, error_description: error.error_description }));
  process.exit(0);
}

// A refusal is what is asked about last; the library makes an error of it.
const send = async (path, method, body, headers) => {
  let response;
  try {
    response = await client.fetchProtectedResource(
      config, token.access_token, new URL(path, issuer), method, body, new Headers(headers), options,
    );
  } catch (error) {
    if (!error.response && !(error.cause instanceof Array)) throw error;
    return { status: error.response?.status ?? error.status };
  }
  return { status: response.status, body: await response.json() };
};
const event = readFileSync(eventFile, "utf8");
const posted = await send("/v1/events", "POST", event, {
  "content-type": "application/cloudevents+json",
});
const read = await send(`/v1/events/${JSON.parse(event).id}?again=1`, "GET");
await client.tokenRevocation(config, token.access_token);
const revoked = await send(`/v1/events/${JSON.parse(event).id}`, "GET");
console.log(JSON.stringify({ token_type: token.token_type, posted, read, revoked }));
