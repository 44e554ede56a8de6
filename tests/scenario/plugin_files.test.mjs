// What lies in the plugin directory: good files work, bad ones are refused in words, and no bad one spoils the others.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { Host, plugins, program, run, temporaryFolder } from './support.mjs';

const example = path.join(plugins, fs.existsSync(path.join(plugins, 'example.so')) ? 'example.so' : 'libexample.so');

function write(file, bytes) {
  fs.writeFileSync(file, bytes, { mode: 0o755 });
  return file;
}

// The bytes of the good plugin with one change.
function patched(change) {
  const bytes = Buffer.from(fs.readFileSync(example));
  change(bytes);
  return bytes;
}

test('bad files in the plugin directory are refused in words and the good one still works', async (t) => {
  const folder = temporaryFolder();
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const plugin_dir = path.join(folder, 'plugins');
  fs.mkdirSync(plugin_dir);
  fs.copyFileSync(example, path.join(plugin_dir, 'example.so'));
  const bad = {
    'text.so': Buffer.from('this is no shared library\n'),
    'empty.so': Buffer.alloc(0),
    'truncated.so': fs.readFileSync(example).subarray(0, 3000),
    // e_machine at offset 18: 183 is aarch64.
    'other-machine.so': patched((bytes) => bytes.writeUInt16LE(183, 18)),
    'a-program.so': fs.readFileSync('/bin/true'),
    'no-note.so': patched((bytes) => bytes.write('Tomaxx', bytes.indexOf('Tomada\0'))),
    'newer-abi.so': patched((bytes) => {
      const at = bytes.indexOf('"min_minor"');
      const digit = bytes.indexOf('0', at);
      bytes.write('9', digit);
    }),
    'zz-duplicate.so': fs.readFileSync(example),
  };
  for (const [name, bytes] of Object.entries(bad)) write(path.join(plugin_dir, name), bytes);

  const host = await Host.start({ plugin_dir });
  t.after(() => host.close());
  const list = await host.cliOk('plugin', 'list');
  assert.match(list, /example/);
  for (const name of Object.keys(bad)) {
    const line = list.split('\n').find((text) => text.includes(name));
    assert.ok(line, `${name} is listed:\n${list}`);
  }
  await host.cliOk('tenant', 'create', 'acme');
  await host.cliOk('plugin', 'allow', 'example', '--tenant', 'acme', '--yes');
  const key = await host.cliOk('key', 'create', '--tenant', 'acme', '--role', 'admin');
  const { body } = await host.api('GET', '/v1/plugins', { key });
  assert.match(JSON.stringify(body), /"example"/);
});

test('plugin inspect names the rule that a file breaks, and runs none of its code', async (t) => {
  const folder = temporaryFolder();
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const good = await run(['plugin', 'inspect', example]);
  assert.equal(good.code, 0, good.err);
  assert.match(good.out, /example/);
  for (const [name, bytes, words] of [
    ['text.so', Buffer.from('hello\n'), /ELF/],
    ['truncated.so', fs.readFileSync(example).subarray(0, 3000), /P\d+/],
    ['other-machine.so', patched((b) => b.writeUInt16LE(183, 18)), /P\d+/],
    ['a-program.so', fs.readFileSync('/bin/true'), /P\d+/],
    ['the-host-itself.so', fs.readFileSync(program), /P\d+/],
  ]) {
    const { code, out, err } = await run(['plugin', 'inspect', write(path.join(folder, name), bytes)]);
    assert.notEqual(code, 0, name);
    assert.ok(Number.isInteger(code), `${name} ended it with ${code}`);
    assert.match(out + err, words, name);
  }
  const loose = write(path.join(folder, 'loose.so'), fs.readFileSync(example));
  fs.chmodSync(loose, 0o666);
  const open = await run(['plugin', 'inspect', loose]);
  assert.notEqual(open.code, 0);
  assert.match(open.out + open.err, /writ/i);
  const missing = await run(['plugin', 'inspect', path.join(folder, 'not-there.so')]);
  assert.notEqual(missing.code, 0);
  assert.match(missing.out + missing.err, /not-there/);
});

test('every byte of a plugin file may be wrong: inspect ends with a refusal or an acceptance, never a crash', async (t) => {
  const folder = temporaryFolder();
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const size = fs.statSync(example).size;
  for (let i = 0; i < 40; ++i) {
    const bytes = i % 2 === 0 ? fs.readFileSync(example).subarray(0, Math.floor((size * i) / 40))
      : patched((b) => b.fill(0xff, (i * 8) % 512, ((i * 8) % 512) + 8));
    const { code, signal } = await run(['plugin', 'inspect', write(path.join(folder, 'x.so'), bytes)]);
    assert.ok(Number.isInteger(code) && !signal, `case ${i} ended with ${signal ?? code}`);
    fs.rmSync(path.join(folder, 'x.so'));
  }
});
