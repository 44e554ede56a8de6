// The command line beside a running host and without one: the same words, the same answers.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { FakeProvider, Host, acme, connect, run, startSync, syncEnd, temporaryFolder } from './support.mjs';

test('tenants, keys and plugins are set up without a host and found by it', async (t) => {
  const data_dir = temporaryFolder();
  t.after(() => fs.rmSync(data_dir, { recursive: true, force: true }));
  const host = new Host({ data_dir });
  await host.cliOk('tenant', 'create', 'acme');
  await host.cliOk('plugin', 'allow', 'example', '--tenant', 'acme', '--yes');
  const before = await host.cliOk('key', 'create', '--tenant', 'acme', '--role', 'admin');
  assert.match(before, /^\S+$/, 'the key alone');
  await host.launch();
  t.after(() => host.stop());
  assert.equal((await host.api('GET', '/v1/integrations', { key: before })).status, 200);

  const beside = await host.cliOk('key', 'create', '--tenant', 'acme', '--role', 'admin');
  assert.notEqual(beside, before);
  assert.equal((await host.api('GET', '/v1/integrations', { key: beside })).status, 200);
  assert.equal(await host.stop(), 0);

  for (const file of fs.readdirSync(data_dir, { recursive: true })) {
    const full = path.join(data_dir, file);
    if (fs.statSync(full).isFile()) assert.ok(!fs.readFileSync(full).includes(before), `${file} holds the key itself`);
  }
});

test('mistakes on the command line end with a sentence and a code', async (t) => {
  const { host } = await acme(t);
  for (const [args, words] of [
    [['tenant', 'create', 'acme'], /acme/],
    [['key', 'create', '--tenant', 'nobody', '--role', 'admin'], /nobody/],
    [['key', 'create', '--tenant', 'acme', '--role', 'emperor'], /emperor|role/],
    [['plugin', 'allow', 'no-such-plugin', '--tenant', 'acme'], /no-such-plugin/],
    [['no-such-word'], /unknown command: no-such-word/],
    [['webhooks', 'no-such-word'], /unknown command: no-such-word/],
  ]) {
    const { code, out, err } = await host.cli(...args);
    assert.notEqual(code, 0, args.join(' '));
    assert.match(err + out, words);
  }
});

test('sync run and sync status speak to the running host', async (t) => {
  const provider = await FakeProvider.start({ count: 3 });
  t.after(() => provider.stop());
  const { host, key } = await acme(t, { provider });
  const id = await connect(host, key, provider);
  await startSync(host, key, id);
  await syncEnd(host, key, id);
  const status = await host.cliOk('sync', 'status', id, '--tenant', 'acme');
  assert.match(status, /completed/);
  await host.cliOk('sync', 'run', id, '--tenant', 'acme');
  assert.equal((await syncEnd(host, key, id)).status, 'completed');
});

test('the socket and the master key belong to the owner alone', async (t) => {
  const { host } = await acme(t);
  let sockets = 0;
  let keys = 0;
  for (const file of fs.readdirSync(host.data_dir, { recursive: true })) {
    const stat = fs.statSync(path.join(host.data_dir, file));
    if (stat.isSocket()) {
      ++sockets;
      assert.equal(stat.mode & 0o077, 0, `${file} is open to others`);
    }
    if (/key/.test(path.basename(file)) && stat.isFile()) {
      ++keys;
      assert.equal(stat.mode & 0o777, 0o600, `${file} has mode 0600`);
    }
  }
  assert.equal(sockets, 1);
  assert.equal(keys, 1);
});

test('help and version need nothing', async () => {
  for (const args of [['--help'], ['--version'], ['serve', '--help']]) {
    const { code, out } = await run(args);
    assert.equal(code, 0, args.join(' '));
    assert.ok(out.length > 0);
  }
});
