// A plugin's upgrade asks for more than was approved: nobody's syncs stop, and nothing more is done until somebody allows it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import { FakeProvider, Host, connect, plugins, startSync, syncEnd, temporaryFolder, tenant, until } from './support.mjs';

const example = fs.readFileSync(path.join(plugins, 'example.so'));

// The example plugin as `version` that asks for `hosts`, and its provider for /item<letter>: whose code ran.
function build(version, hosts, letter) {
  const bytes = Buffer.from(example);
  const asks = '"hosts": [],\n  "capabilities": [],';
  for (const [from, to] of [['"version": "0.1.0"', `"version": "${version}"`], ['/items\0', `/item${letter}\0`],
    [asks, `"hosts": ${JSON.stringify(hosts)},`.padEnd(asks.length)]]) {
    assert.equal(from.length, to.length);
    const at = bytes.indexOf(from);
    assert.notEqual(at, -1, from);
    bytes.write(to, at, 'latin1');
  }
  return bytes;
}
function put(folder, bytes) {
  fs.writeFileSync(path.join(folder, '.example.so.tmp'), bytes, { mode: 0o644 });
  fs.renameSync(path.join(folder, '.example.so.tmp'), path.join(folder, 'example.so'));
}

test('an upgrade that asks for more waits until it is allowed', async (t) => {
  const folder = temporaryFolder();
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  put(folder, build('1.0.0', ['a.test'], 'a'));
  const provider = await FakeProvider.start({ count: 5 });
  t.after(() => provider.stop());
  const letters = [];
  provider.when = (seen) => {
    letters.push(/^\/item(.)$/.exec(seen.path)?.[1]);
    seen.path = '/items';
  };
  const env = { TOMADA_HTTP_ALLOW_PRIVATE: provider.address };
  const data_dir = temporaryFolder();
  t.after(() => fs.rmSync(data_dir, { recursive: true, force: true }));
  let host = await Host.start({ plugin_dir: folder, data_dir, env });
  t.after(() => host.close());
  const key = await tenant(host, 'acme', []);
  const listed = async () => JSON.parse(await host.cliOk('plugin', 'list', '--json')).available[0];
  const offered = async () => (await host.api('GET', '/v1/plugins', { key })).body.plugins[0];
  const sync = async (integration) => {
    await startSync(host, key, integration);
    assert.equal((await syncEnd(host, key, integration)).status, 'completed');
    return letters.at(-1);
  };

  // Nobody is asked without a terminal, and nothing is allowed.
  const unasked = await host.cli('plugin', 'allow', 'example', '--tenant', 'acme');
  assert.notEqual(unasked.code, 0);
  assert.match(unasked.out, /^example 1\.0\.0 by Tomada asks for: requests to a\.test$/m);
  assert.match(unasked.err, /add --yes/);
  assert.equal((await offered()).allowed, false);
  assert.match(await host.cliOk('plugin', 'allow', 'example', '--tenant', 'acme', '--yes'), /is allowed for the tenant acme$/);
  const integration = await connect(host, key, provider);
  assert.equal(await sync(integration), 'a');

  put(folder, build('1.1.0', ['a.test', 'b.test'], 'b'));
  await until('version 1.1.0', async () => ((await listed()).version === '1.1.0' ? true : undefined));
  assert.equal(await sync(integration), 'a', 'its syncs go on with the version that it was allowed');
  const [waiting] = (await listed()).waiting;
  assert.deepEqual([waiting.tenant, waiting.version, waiting.uses, waiting.capabilities.hosts], ['acme', '1.1.0', '1.0.0', ['b.test']]);
  assert.match(await host.cliOk('plugin', 'list'),
    /^ {2}waiting {6}tenant acme: version 1\.1\.0 asks for more: requests to b\.test; calls use 1\.0\.0; approve it with: tomada plugin allow example --tenant acme$/m);
  const seen = await offered();
  assert.equal(seen.version, '1.0.0');
  assert.deepEqual(seen.capabilities.hosts, ['a.test']);
  assert.equal(seen.waiting.version, '1.1.0');
  assert.match((await host.api('GET', '/metrics')).body, /plugin_approvals_waiting\{plugin="example"\} 1/);
  const pinned = await host.cli('plugin', 'pin', 'example@1.1.0', '--tenant', 'acme');
  assert.notEqual(pinned.code, 0);
  assert.match(pinned.err, /asks for more than was approved for this tenant: requests to b\.test/);

  await host.stop();
  host = await Host.start({ plugin_dir: folder, data_dir, env });
  assert.equal(await sync(integration), 'a', 'also after a restart');
  const refused = await host.cli('plugin', 'allow', 'example', '--tenant', 'acme');
  assert.notEqual(refused.code, 0);
  assert.match(refused.out, /^new: requests to b\.test$/m);
  assert.match(refused.out, new RegExp(`^approved before: by ${os.userInfo().username} at 20`, 'm'));
  assert.equal(await sync(integration), 'a');

  await host.cliOk('plugin', 'allow', 'example', '--tenant', 'acme', '--yes');
  assert.equal(await sync(integration), 'b');
  assert.deepEqual((await listed()).waiting, []);
  assert.match(await host.cliOk('plugin', 'allow', 'example', '--tenant', 'acme'), /allowed for the tenant acme already/);
  assert.match((await host.api('GET', '/metrics')).body, /plugin_approvals_waiting\{plugin="example"\} 0/);
});
