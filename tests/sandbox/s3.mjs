// A real S3 server (npm's s3rver) in a child process, every request's signature checked, and a small client to fill it.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import readline from 'node:readline';

const require = createRequire(import.meta.url);
const aws4 = require('aws4');

export const credentials = { access_key_id: 'S3RVER', secret_access_key: 'S3RVER' };
const SECONDS_TO_START = 20;

export class S3 {
  // `directory` must exist; the port is free and loopback's.
  static async start(directory, bucket) {
    const program = path.join(import.meta.dirname, 's3_server.mjs');
    // s3rver seals its continuation tokens with DES, which OpenSSL 3 keeps in its legacy provider.
    const child = spawn(process.execPath, ['--openssl-legacy-provider', '--no-deprecation', program, directory, bucket],
      { stdio: ['ignore', 'pipe', 'inherit'] });
    const port = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`s3rver did not start in ${SECONDS_TO_START} s`)),
        SECONDS_TO_START * 1000);
      child.once('exit', (code) => reject(new Error(`s3rver ended with ${code} at its start`)));
      readline.createInterface({ input: child.stdout }).on('line', (line) => {
        clearTimeout(timer);
        resolve(Number(line));
      });
    });
    child.removeAllListeners('exit');
    return new S3(child, port, bucket);
  }

  constructor(child, port, bucket) {
    this.child = child;
    this.port = port;
    this.bucket = bucket;
    this.address = `127.0.0.1:${port}`;
    this.url = `http://${this.address}`;
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  }

  async request(method, key, body, query = '') {
    const encoded = key.split('/').map((part) => encodeURIComponent(part).replace(/[!'()*]/g, percent)).join('/');
    const signed = aws4.sign(
      {
        host: this.address, method, path: `/${this.bucket}/${encoded}${query}`, service: 's3', region: 'us-east-1',
        body, headers: { 'x-amz-content-sha256': createHash('sha256').update(body ?? '').digest('hex') },
      },
      { accessKeyId: credentials.access_key_id, secretAccessKey: credentials.secret_access_key });
    const request = http.request({
      host: '127.0.0.1', port: this.port, method, path: signed.path, headers: signed.headers, agent: this.agent,
    });
    request.end(body);
    const [response] = await once(request, 'response');
    const chunks = [];
    for await (const chunk of response) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    if (response.statusCode >= 300) throw new Error(`${method} ${key}: ${response.statusCode} ${text.slice(0, 300)}`);
    return text;
  }

  put(key, body) {
    return this.request('PUT', key, body);
  }

  remove(key) {
    return this.request('DELETE', key);
  }

  // What the server itself says it has: key -> { size, etag }.
  async list() {
    const objects = new Map();
    let token = '';
    do {
      const query = `?list-type=2&max-keys=1000&encoding-type=url${token && `&continuation-token=${encodeURIComponent(token)}`}`;
      const xml = await this.request('GET', '', undefined, query);
      for (const [, item] of xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
        const field = (name) => unescapeXml(new RegExp(`<${name}>(.*?)</${name}>`, 's').exec(item)?.[1] ?? '');
        const key = field('Key');
        objects.set(key, { size: Number(field('Size')), etag: field('ETag').replaceAll('"', '') });
      }
      token = /<IsTruncated>true/.test(xml)
        ? unescapeXml(/<NextContinuationToken>(.*?)<\/NextContinuationToken>/.exec(xml)[1]) : '';
    } while (token);
    return objects;
  }

  async stop() {
    this.agent.destroy();
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }
}

const percent = (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
const entities = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
const unescapeXml = (text) => text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (all, hex, decimal, name) =>
  hex ? String.fromCodePoint(parseInt(hex, 16)) : decimal ? String.fromCodePoint(Number(decimal)) : entities[name] ?? all);

// Up to `count` small real files of this machine as [{ key, file }], the same ones each time.
// The last root is there on every machine: what npm installed for these tests.
const npmFiles = path.resolve(import.meta.dirname, '../node_modules');
export function machineFiles(count, { roots = ['/usr/include', '/usr/share', '/usr/lib', npmFiles], bytesMax = 64 * 1024 } = {}) {
  const found = [];
  const walk = (directory, limit) => {
    let entries;
    try {
      entries = fs.readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch {
      return;
    }
    for (const entry of entries) {
      if (found.length >= limit) return;
      const file = path.join(directory, entry.name);
      if (entry.isDirectory()) walk(file, limit);
      else if (entry.isFile()) {
        const { size } = fs.statSync(file);
        // The names are text: a name that is not UTF-8 reads as a replacement character.
        if (size > 0 && size <= bytesMax && !/[\ufffd\u0000-\u001f]/.test(file)) found.push({ key: file.slice(1), file });
      }
    }
  };
  // Some from each root; the last fill up what the first lack. More than asked for: the next step drops some.
  const wanted = count * 3;
  roots.forEach((root, index) => walk(root, Math.ceil((wanted * (index + 1)) / roots.length)));
  const ordered = inOrder(found);
  const share = Math.min(1, count / ordered.length);
  return ordered.filter((_, index) => Math.floor((index + 1) * share) > Math.floor(index * share));
}

// s3rver pages in the order of its directories, S3 in the order of the keys: a listing of s3rver loses keys at a page's
// edge where the two differ. So the sandbox takes only files for which they are the same.
function inOrder(files) {
  const asStored = ({ key }) => `${key}._S3rver_object`.replaceAll('/', '\u0001');
  const sorted = files.sort((a, b) => (asStored(a) < asStored(b) ? -1 : 1));
  let last = '';
  return sorted.filter(({ key }) => {
    if (key <= last) return false;
    last = key;
    return true;
  });
}

// Puts files, `width` at a time; progress(done) after each.
export async function fill(s3, files, progress = () => {}, width = 8) {
  let next = 0;
  let done = 0;
  const worker = async () => {
    while (next < files.length) {
      const { key, file } = files[next++];
      await s3.put(key, fs.readFileSync(file));
      progress(++done);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}
