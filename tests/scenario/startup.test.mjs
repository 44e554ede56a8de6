// What keeps a host from starting, each with a sentence that says what to do; and a full disk, which does not end it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';

import {
  FakeProvider, Host, acme, allRecords, connect, freePort, lastSync, run, startSync, syncEnd, temporaryFolder, until,
} from './support.mjs';
import { plugins } from '../support/host.mjs';

// `tomada serve` that must not come up: what it wrote.
async function refusedToStart(args, env) {
  const { code, out, err } = await run(['serve', ...args], env);
  assert.notEqual(code, 0, 'it started');
  assert.ok(Number.isInteger(code), `it was killed: ${code}`);
  return out + err;
}

test('a second host on the same data directory', async (t) => {
  const { host } = await acme(t);
  const words = await refusedToStart(['--listen', `127.0.0.1:${await freePort()}`], host.env);
  assert.match(words, /running|in use|locked/i);
  assert.ok(words.includes(host.data_dir), words);
  assert.equal((await host.api('GET', '/health/live')).status, 200);
});

test('a port that is in use', async (t) => {
  const server = net.createServer().listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => { server.once('listening', resolve); });
  const { port } = server.address();
  const host = new Host();
  t.after(() => fs.rmSync(host.data_dir, { recursive: true, force: true }));
  const words = await refusedToStart(['--listen', `127.0.0.1:${port}`], host.env);
  assert.match(words, new RegExp(`127\\.0\\.0\\.1:${port}`));
  assert.match(words, /in use/i);
});

test('a master key that cannot be read, and one that is not the one', async (t) => {
  const provider = await FakeProvider.start({ count: 1 });
  t.after(() => provider.stop());
  const data_dir = temporaryFolder();
  t.after(() => fs.rmSync(data_dir, { recursive: true, force: true }));
  const { host, key } = await acme(t, { data_dir, provider });
  await connect(host, key, provider);
  await host.stop();
  const file = fs.readdirSync(data_dir, { recursive: true }).find((name) => /key$/.test(name));
  assert.ok(file, 'there is a key file');
  const full = path.join(data_dir, file);
  const good = fs.readFileSync(full);
  const args = ['--listen', `127.0.0.1:${await freePort()}`];

  fs.writeFileSync(full, good.subarray(0, 7));
  assert.match(await refusedToStart(args, host.env), new RegExp(path.basename(file)));
  fs.rmSync(full);
  fs.mkdirSync(full);
  assert.match(await refusedToStart(args, host.env), new RegExp(path.basename(file)));
  fs.rmdirSync(full);
  fs.writeFileSync(full, good, { mode: 0o600 });
  await host.launch();
  assert.equal((await host.api('POST', '/v1/integrations/example/test', { key })).body.ok, true);
});

test('settings that are wrong name the key and what is expected', async (t) => {
  const host = new Host();
  t.after(() => fs.rmSync(host.data_dir, { recursive: true, force: true }));
  const config = path.join(host.data_dir, 'tomada.toml');
  fs.writeFileSync(config, 'lissten = "127.0.0.1:1"\n');
  assert.match(await refusedToStart(['--config', config], host.env), /lissten[^]*listen/);
  fs.writeFileSync(config, '[jobs]\nattempts_max = 0\n');
  assert.match(await refusedToStart(['--config', config], host.env), /attempts_max[^]*1/);
  fs.writeFileSync(config, 'listen = \n');
  assert.match(await refusedToStart(['--config', config], host.env), /tomada\.toml/);
  assert.match(await refusedToStart(['--listen', 'nowhere'], host.env), /nowhere/);
  assert.match(await refusedToStart(['--config', '/no/such/file.toml'], host.env), /no\/such\/file/);
});

test('a database that is damaged', async (t) => {
  const data_dir = temporaryFolder();
  t.after(() => fs.rmSync(data_dir, { recursive: true, force: true }));
  const { host } = await acme(t, { data_dir });
  await host.stop();
  const database = fs.readdirSync(data_dir).find((name) => /\.(db|sqlite3?)$/.test(name));
  const handle = fs.openSync(path.join(data_dir, database), 'r+');
  fs.writeSync(handle, Buffer.alloc(4096 * 3, 0x5a), 0, 4096 * 3, 0);
  fs.closeSync(handle);
  for (const end of ['-wal', '-shm']) fs.rmSync(path.join(data_dir, database + end), { force: true });
  const words = await refusedToStart(['--listen', `127.0.0.1:${await freePort()}`], host.env);
  assert.match(words, /database|integrity|malformed|damaged/i);
});

test('a full disk fails the sync with a reason; with room again it goes on and nothing is lost', async (t) => {
  const data_dir = temporaryFolder();
  try {
    // The host keeps a copy of each plugin there, and a sanitizer's are large.
    const plugin_bytes = fs.readdirSync(plugins).filter((name) => name.endsWith('.so'))
      .reduce((sum, name) => sum + fs.statSync(path.join(plugins, name)).size, 0);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${Math.ceil(plugin_bytes / 4096) * 4 + 3072}k`, 'tmpfs', data_dir],
      { stdio: 'ignore' });
  } catch {
    fs.rmSync(data_dir, { recursive: true });
    return t.skip('needs the right to mount a small file system');
  }
  const provider = await FakeProvider.start({ page_size: 100 });
  const filler = path.join(data_dir, 'filler');
  // Closed in this order, so no `after` of acme(): the file system goes last.
  const host = await Host.start({ data_dir, env: { TOMADA_HTTP_ALLOW_PRIVATE: provider.address } });
  t.after(async () => {
    await host.close();
    await provider.stop();
    execFileSync('umount', [data_dir]);
    fs.rmSync(data_dir, { recursive: true });
  });
  await host.cliOk('tenant', 'create', 'acme');
  await host.cliOk('plugin', 'allow', 'example', '--tenant', 'acme', '--yes');
  const key = await host.cliOk('key', 'create', '--tenant', 'acme', '--role', 'admin');
  const id = await connect(host, key, provider);
  for (let i = 0; i < 1000; ++i) provider.set(`item-${String(i).padStart(5, '0')}`, `${i} ${'x'.repeat(500)}`);
  await startSync(host, key, id);
  provider.when = (request, index) => {
    if (index === 2) fillUp(filler);
    return undefined;
  };
  const line = await until('the attempt that met the full disk', async () => {
    if (/disk of the database is full/.test(host.log)) return true;
    const newest = await lastSync(host, key, id).catch(() => undefined);
    return newest?.error ? newest : undefined;
  });
  assert.ok(line);
  assert.equal((await host.api('GET', '/health/live')).status, 200, 'the host is still there');
  fs.rmSync(filler);
  const end = await syncEnd(host, key, id);
  assert.equal(end.status, 'completed');
  assert.equal((await allRecords(host, key, id)).length, 1000);
  return undefined;
});

function fillUp(file) {
  const handle = fs.openSync(file, 'w');
  try {
    for (;;) fs.writeSync(handle, Buffer.alloc(4096));
  } catch (error) {
    assert.equal(error.code, 'ENOSPC');
  } finally {
    fs.closeSync(handle);
  }
}
