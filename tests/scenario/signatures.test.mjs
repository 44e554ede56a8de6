// Whom a plugin comes from: the author signs, the operator trusts a key, a strict host takes nothing else.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { Host, plugins, run, temporaryFolder, until } from './support.mjs';

function keys(folder, name) {
  const { privateKey, publicKey } = crypto.generateKeyPairSync('ed25519');
  const files = { private: path.join(folder, `${name}.key`), public: path.join(folder, `${name}.pub`) };
  fs.writeFileSync(files.private, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  fs.writeFileSync(files.public, publicKey.export({ type: 'spki', format: 'pem' }));
  return { ...files, publicKey };
}

test('a strict host takes a file once its publisher is trusted, and drops it when it is not any more', async (t) => {
  const folder = temporaryFolder();
  const plugin_dir = temporaryFolder();
  t.after(() => [folder, plugin_dir].forEach((one) => fs.rmSync(one, { recursive: true, force: true })));
  const file = path.join(plugin_dir, 'example.so');
  fs.copyFileSync(path.join(plugins, 'example.so'), file);
  fs.chmodSync(file, 0o644);
  const acme = keys(folder, 'acme');
  const host = await Host.start({ plugin_dir, env: { TOMADA_PLUGINS_SIGNATURES: 'required' } });
  t.after(() => host.close());
  const listed = async () => JSON.parse(await host.cliOk('plugin', 'list', '--json')).plugins[0];
  const becomes = (what, is) => until(what, async () => (is(await listed()) ? true : undefined));

  assert.equal((await listed()).refusals[0].rule, 'P23');
  assert.match(await host.cliOk('plugin', 'list'), /refused {4}example\.so {2}P23: it is not signed/);

  assert.match(await host.cliOk('plugin', 'sign', file, '--key', acme.private), /Signed example 0\.1\.0 .* ed25519:[0-9a-f]{16}: .*example\.so\.sig/);
  await becomes('seen as signed by a stranger', (one) => one.signature?.trusted_as === null);
  assert.equal((await listed()).available, false);

  // The signature is what the documents say, for whoever checks it with something else.
  const [word, key, value] = fs.readFileSync(`${file}.sig`, 'utf8').trim().split(' ');
  assert.equal(word, 'tomada-signature-1');
  assert.deepEqual(Buffer.from(key, 'base64'), acme.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32));
  const digest = crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex');
  assert.ok(crypto.verify(null, Buffer.from(`tomada-plugin-sha256:${digest}`), acme.publicKey, Buffer.from(value, 'base64')));

  assert.match(await host.cliOk('plugin', 'trust', acme.public, '--name', 'acme'), /Trusted ed25519:[0-9a-f]{16} as acme/);
  await becomes('available', (one) => one.available);
  assert.deepEqual((await listed()).signature.trusted_as, 'acme');
  assert.match(await host.cliOk('plugin', 'list'), /from Tomada, signed by acme \(ed25519:/);
  assert.match(await host.cliOk('plugin', 'trusted'), /^ed25519:[0-9a-f]{16} {2}acme$/);

  await host.cliOk('plugin', 'untrust', 'acme');
  await becomes('refused again', (one) => !one.available && one.refusals[0].rule === 'P23');
  assert.deepEqual(JSON.parse(await host.cliOk('plugin', 'list', '--json')).available, []);
});

test('mistakes with keys and files are named', async (t) => {
  const folder = temporaryFolder();
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const acme = keys(folder, 'acme');
  const other = keys(folder, 'other');
  const data = ['--data-dir', path.join(folder, 'data')];
  const refused = async (words, expected) => {
    const { code, err } = await run(words);
    assert.notEqual(code, 0, words.join(' '));
    assert.match(err, expected);
  };
  const file = path.join(folder, 'example.so');
  fs.copyFileSync(path.join(plugins, 'example.so'), file);
  fs.chmodSync(file, 0o644);

  await refused(['plugin', 'sign', file, '--key', acme.public], /acme\.pub: (others than its owner|holds no private ed25519 key)/);
  fs.chmodSync(acme.private, 0o644);
  await refused(['plugin', 'sign', file, '--key', acme.private], /chmod 600/);
  await refused(['plugin', 'sign', acme.public, '--key', other.private], /would be refused, so it is not signed: P01/);
  await refused(['plugin', 'trust', other.private, '--name', 'other', ...data], /other\.key: holds no public ed25519 key/);
  await refused(['plugin', 'trust', other.public, '--name', '../other', ...data], /is no name of a key/);
  await refused(['plugin', 'untrust', 'other', ...data], /there is no such key/);
  assert.equal((await run(['plugin', 'trust', acme.public, '--name', 'acme', ...data])).code, 0);
  assert.equal((await run(['plugin', 'trust', acme.public, '--name', 'acme', ...data])).code, 0, 'once more is no mistake');
  await refused(['plugin', 'trust', acme.public, '--name', 'other', ...data], /trusted already, as acme/);
  await refused(['plugin', 'trust', other.public, '--name', 'acme', ...data], /first: tomada plugin untrust acme/);
});
