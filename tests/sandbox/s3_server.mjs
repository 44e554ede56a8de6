// The process of the S3 server: s3rver, and before it the check that s3rver leaves out. Of SigV4 it reads only the key's
// id, and a request without any signature passes; so each request is signed again by another implementation (npm's
// aws4) and the two signatures must be the same.
//   node --openssl-legacy-provider s3_server.mjs DIRECTORY BUCKET      prints one line: its port
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const aws4 = require('aws4');
const S3rver = require('s3rver');

const secrets = { S3RVER: 'S3RVER' };
const MINUTES_OFF_MAX = 15;

// The code of S3's own error, or undefined when the request is rightly signed.
function refusal({ method, url, headers }) {
  const parts = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/([\w-]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/
    .exec(headers.authorization ?? '');
  if (!parts) return 'AccessDenied';
  const [, id, region, names, signature] = parts;
  if (!(id in secrets)) return 'InvalidAccessKeyId';
  const required = Object.keys(headers).filter((name) => name === 'host' || name.startsWith('x-amz-'));
  if (!required.every((name) => names.split(';').includes(name))) return 'SignatureDoesNotMatch';
  const date = (headers['x-amz-date'] ?? '').replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5');
  if (!(Math.abs(Date.now() - Date.parse(date)) < MINUTES_OFF_MAX * 60_000)) return 'RequestTimeTooSkewed';
  const signed = Object.fromEntries(names.split(';').map((name) => [name, headers[name] ?? '']));
  const again = aws4.sign({ host: headers.host, method, path: url, service: 's3', region, headers: signed, body: '' },
    { accessKeyId: id, secretAccessKey: secrets[id] });
  return again.headers.Authorization.endsWith(`Signature=${signature}`) ? undefined : 'SignatureDoesNotMatch';
}

const [directory, bucket] = process.argv.slice(2);
const server = new S3rver({
  address: '127.0.0.1', port: 0, silent: true, directory, vhostBuckets: false, configureBuckets: [{ name: bucket }],
});
server.middleware.unshift(async (context, next) => {
  const code = refusal(context.req);
  if (code === undefined) return next();
  context.status = 403;
  context.type = 'application/xml';
  context.body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>the sandbox refused the signature</Message></Error>`;
  return undefined;
});
const { port } = await server.run();
console.log(port);
