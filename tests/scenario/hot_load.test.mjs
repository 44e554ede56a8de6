// New providers and new versions while the host runs: dropped, upgraded, rolled back, pinned, damaged, deleted.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { FakeProvider, Host, connect, lastSync, plugins, program, startSync, syncEnd, temporaryFolder, tenant, until } from './support.mjs';

const example = fs.readFileSync(path.join(plugins, 'example.so'));
// `./dev chaos` has more of them.
const UPGRADES = Number(process.env.TOMADA_UPGRADES ?? 4);

const hostile = path.resolve(path.dirname(program), '../tests/plugins/hostile/hostile.so');

function replaced(bytes, from, to) {
  assert.equal(from.length, to.length);
  const copy = Buffer.from(bytes);
  let at = copy.indexOf(from);
  assert.notEqual(at, -1, from);
  for (; at !== -1; at = copy.indexOf(from, at + 1)) copy.write(to, at, 'latin1');
  return copy;
}

// The example plugin as `version`, which asks its provider for /item<letter>: so each request tells whose code ran.
const letter_of = (version) => String.fromCharCode('a'.charCodeAt(0) + (Number(version.replaceAll('.', '')) % 26));
const build = (version) =>
  replaced(replaced(example, '"version": "0.1.0"', `"version": "${version}"`), '/items\0', `/item${letter_of(version)}\0`);

// As tools that install do it: never a moment with half a file.
function put(folder, name, bytes) {
  fs.writeFileSync(path.join(folder, `.${name}.tmp`), bytes, { mode: 0o644 });
  fs.renameSync(path.join(folder, `.${name}.tmp`), path.join(folder, name));
}

async function story(t, { bytes, env = {} } = {}) {
  const folder = temporaryFolder();
  const data_dir = temporaryFolder();
  t.after(() => [folder, data_dir].forEach((one) => fs.rmSync(one, { recursive: true, force: true })));
  if (bytes) put(folder, 'example.so', bytes);
  const provider = await FakeProvider.start({ count: 60 });
  t.after(() => provider.stop());
  provider.when = (seen) => {
    const [, letter] = /^\/item(.)$/.exec(seen.path) ?? [];
    seen.letter = letter;
    seen.path = '/items';
    return provider.special?.(seen);
  };
  const host = await Host.start({ plugin_dir: folder, data_dir, env: { TOMADA_HTTP_ALLOW_PRIVATE: provider.address, ...env } });
  t.after(() => host.close());
  return { folder, provider, host };
}

const listed = async (host) => JSON.parse(await host.cliOk('plugin', 'list', '--json'));
const plugin = async (host, id = 'example') => (await listed(host)).available.find((one) => one.id === id);
const offered = async (host, key) => (await host.api('GET', '/v1/plugins', { key })).body.plugins.find((one) => one.id === 'example');
const current = (host, key, version) =>
  until(`version ${version}`, async () => ((await offered(host, key))?.version === version ? true : undefined), { every_ms: 5 });
const refused = (host, rule) => until(`a file that is refused by ${rule}`, async () => {
  const file = (await listed(host)).plugins.find((one) => one.refusals.some((refusal) => refusal.rule === rule));
  return file?.refusals.find((refusal) => refusal.rule === rule).reason;
});
async function completed(host, key, integration) {
  await startSync(host, key, integration);
  const end = await syncEnd(host, key, integration);
  assert.equal(end.status, 'completed', JSON.stringify(await lastSync(host, key, integration)));
}
// Whose code a sync of now runs.
async function letter(host, key, integration, provider) {
  const before = provider.requests.length;
  await completed(host, key, integration);
  const letters = new Set(provider.requests.slice(before).map((seen) => seen.letter));
  assert.equal(letters.size, 1, 'one sync is of one version');
  return [...letters][0];
}

test('a file that is dropped is available at once, and so is each newer version', async (t) => {
  const { folder, provider, host } = await story(t);
  const key = await tenant(host, 'acme', []);
  assert.equal(await offered(host, key), undefined);

  const times_ms = [];
  for (const version of ['0.1.0', '0.2.0', '0.9.0']) {
    const dropped = performance.now();
    put(folder, 'example.so', build(version));
    await current(host, key, version);
    times_ms.push(Math.round(performance.now() - dropped));
  }
  t.diagnostic(`from the drop to the API: ${times_ms.join(', ')} ms`);
  await host.cliOk('plugin', 'allow', 'example', '--tenant', 'acme', '--yes');
  const integration = await connect(host, key, provider);
  assert.equal(await letter(host, key, integration, provider), letter_of('0.9.0'));
  const { versions } = await offered(host, key);
  assert.deepEqual(versions.map(({ version, current: is_current, previous }) => [version, is_current, previous]),
    [['0.9.0', true, false], ['0.2.0', false, true], ['0.1.0', false, false]]);
  const metrics = (await host.api('GET', '/metrics')).body;
  assert.match(metrics, /plugin_loads_total\{plugin="example",result="available"\} 3/);
});

test('upgrades and roll-backs under load cost no call', async (t) => {
  const { folder, provider, host } = await story(t, { bytes: build('0.1.0') });
  const key = await tenant(host, 'acme');
  const integrations = [];
  for (let i = 0; i < 4; ++i) integrations.push(await connect(host, key, provider));
  let goes_on = true;
  let count = 0;
  const load = integrations.map(async (integration) => {
    while (goes_on) {
      await completed(host, key, integration);
      count += 1;
    }
  });
  const seen = (version) =>
    until(`a call of version ${version}`, () => (provider.requests.at(-1)?.letter === letter_of(version) ? true : undefined));
  const descriptors = () => fs.readdirSync(`/proc/${host.child.pid}/fd`).length;
  const memory_mib = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${host.child.pid}/status`, 'utf8'))[1]) / 1024;
  const measures = [];
  let before = '0.1.0';
  for (let i = 0; i < UPGRADES; ++i) {
    const version = `1.${Math.floor(i / 10)}.${i % 10}`;
    put(folder, 'example.so', build(version));
    await current(host, key, version);
    await seen(version);
    assert.equal(await host.cliOk('plugin', 'rollback', 'example'), `plugin example: new calls use version ${before}`);
    await seen(before);
    assert.equal(await host.cliOk('plugin', 'rollback', 'example'), `plugin example: new calls use version ${version}`);
    before = version;
    measures.push({ memory_mib: memory_mib(), descriptors: descriptors() });
    provider.requests.splice(0, provider.requests.length - 1);
  }
  goes_on = false;
  await Promise.all(load);
  const [first, last] = [measures[Math.floor(UPGRADES / 4)], measures.at(-1)];
  t.diagnostic(`${UPGRADES} upgrades, ${2 * UPGRADES} roll-backs, ${count} syncs; after a quarter ${JSON.stringify(first)}, at the end ${JSON.stringify(last)}`);
  assert.ok(count >= 2 * UPGRADES, `${count} syncs`);
  assert.ok(last.memory_mib < first.memory_mib * 1.2 + 8, 'the host grows');
  assert.ok(last.descriptors < first.descriptors + 20, 'descriptors are left');
});

test('a call that runs keeps its version to its end', async (t) => {
  const { folder, provider, host } = await story(t, { bytes: build('0.1.0') });
  const key = await tenant(host, 'acme');
  const integration = await connect(host, key, provider);
  let go_on;
  const held = new Promise((resolve) => { go_on = resolve; });
  let waits = false;
  provider.special = () => {
    if (waits) return undefined;
    waits = true;
    return held;
  };
  await startSync(host, key, integration);
  await until('the sync to wait', () => (waits ? true : undefined));
  put(folder, 'example.so', build('0.2.0'));
  await current(host, key, '0.2.0');
  fs.truncateSync(path.join(folder, 'example.so'), 100);
  fs.rmSync(path.join(folder, 'example.so'));
  go_on(undefined);
  assert.equal((await syncEnd(host, key, integration)).status, 'completed');
  assert.deepEqual([...new Set(provider.requests.map((seen) => seen.letter))], [letter_of('0.1.0')]);
  assert.equal(await letter(host, key, integration, provider), letter_of('0.2.0'), 'without its file it goes on until a restart');
});

test('a pin keeps one tenant on a version; choices and pins survive a restart', async (t) => {
  const { folder, provider, host } = await story(t, { bytes: build('0.1.0') });
  const acme = await tenant(host, 'acme');
  const bravo = await tenant(host, 'bravo');
  const of_acme = await connect(host, acme, provider);
  const of_bravo = await connect(host, bravo, provider);
  put(folder, 'example.so', build('0.2.0'));
  await current(host, acme, '0.2.0');
  await host.cliOk('plugin', 'pin', 'example@0.1.0', '--tenant', 'bravo');
  const check = async (wanted_acme, wanted_bravo) => {
    assert.equal(await letter(host, acme, of_acme, provider), letter_of(wanted_acme));
    assert.equal(await letter(host, bravo, of_bravo, provider), letter_of(wanted_bravo));
  };
  await check('0.2.0', '0.1.0');
  assert.equal((await offered(host, bravo)).pinned, '0.1.0');
  assert.match(await host.cliOk('plugin', 'list'), /tenant bravo to 0\.1\.0/);

  put(folder, 'example.so', build('0.3.0'));
  await current(host, acme, '0.3.0');
  await host.cliOk('plugin', 'rollback', 'example');
  await check('0.2.0', '0.1.0');
  assert.equal(await host.stop(), 0);
  await host.launch();
  await check('0.2.0', '0.1.0');

  await host.cliOk('plugin', 'unpin', 'example', '--tenant', 'bravo');
  await check('0.2.0', '0.2.0');
  for (const [words, reason] of [
    [['rollback', 'nothing'], /no plugin named nothing/], [['pin', 'example@7.0.0', '--tenant', 'acme'], /no version 7\.0\.0.*0\.1\.0, 0\.2\.0, 0\.3\.0/],
    [['pin', 'example', '--tenant', 'acme'], /ID@VERSION/], [['pin', 'example@0.1.0', '--tenant', 'nobody'], /no tenant named nobody/],
    [['unpin', 'example', '--tenant', 'acme'], /not pinned|no pin/], [['release', 'example'], /not in quarantine/]]) {
    const { code, err } = await host.cli('plugin', ...words);
    assert.equal(code, 1, words.join(' '));
    assert.match(err, reason);
  }
});

test('a bad file changes nothing and says why', async (t) => {
  const { folder, provider, host } = await story(t, { bytes: build('0.1.0') });
  const key = await tenant(host, 'acme');
  const integration = await connect(host, key, provider);
  const file = path.join(folder, 'example.so');
  const works = async () => assert.equal(await letter(host, key, integration, provider), letter_of('0.1.0'));

  put(folder, 'example.so', 'not a plugin');
  assert.match(await refused(host, 'P01'), /ELF/);
  await works();
  put(folder, 'example.so', build('0.2.0').subarray(0, 9000));  // as an upload that broke off
  await until('the cut file to be refused', async () => {
    const [entry] = (await listed(host)).plugins;
    return !entry.available && !entry.refusals.some(({ reason }) => /not ELF/.test(reason)) ? true : undefined;
  });
  await works();

  fs.writeFileSync(file, build('0.1.0'));  // over it, in place
  await until('the good file', async () => ((await listed(host)).plugins[0].available ? true : undefined));
  await works();
  put(folder, 'twin.so', replaced(build('0.1.0'), 'Example items', 'Exemple items'));
  assert.match(await refused(host, 'P15'), /another content/);
  await works();
  assert.match(host.log, /refused \(P15\)/);
  assert.match((await host.api('GET', '/metrics')).body, /plugin_loads_total\{plugin="unknown",result="refused"\}/);
});

test('a link that is changed, and a folder that is replaced as a whole', async (t) => {
  const { folder, provider, host } = await story(t);
  const key = await tenant(host, 'acme', []);
  const releases = path.join(folder, 'releases');
  fs.mkdirSync(releases);
  const link = (version) => {
    fs.writeFileSync(path.join(releases, `${version}.bin`), build(version), { mode: 0o644 });
    fs.symlinkSync(path.join(releases, `${version}.bin`), path.join(folder, 'next'));
    fs.renameSync(path.join(folder, 'next'), path.join(folder, 'example.so'));
  };
  for (const version of ['0.1.0', '0.2.0']) {
    link(version);
    await current(host, key, version);
  }
  await host.cliOk('plugin', 'allow', 'example', '--tenant', 'acme', '--yes');
  const integration = await connect(host, key, provider);
  fs.renameSync(folder, `${folder}.old`);
  t.after(() => fs.rmSync(`${folder}.old`, { recursive: true, force: true }));
  assert.equal(await letter(host, key, integration, provider), letter_of('0.2.0'));
  fs.mkdirSync(folder);
  put(folder, 'example.so', build('0.3.0'));
  await current(host, key, '0.3.0');
  assert.equal(await letter(host, key, integration, provider), letter_of('0.3.0'));
});

test('a plugin that crashes for several integrations is in quarantine until it is released', async (t) => {
  const { folder, host } = await story(t, { env: { TOMADA_PLUGINS_WORKER_IDLE_SECONDS: '1' } });
  const key = await tenant(host, 'acme', []);
  put(folder, 'hostile.so', fs.readFileSync(hostile));
  await until('the plugin', () => plugin(host, 'hostile'));
  await host.cliOk('plugin', 'allow', 'hostile', '--tenant', 'acme', '--yes');
  const make = async (name) => {
    const answer = await host.api('POST', '/v1/integrations', { key, body: { provider: 'hostile', name, config: {}, credentials: {} } });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body.id;
  };
  const ids = [await make('one'), await make('two')];
  const start = (id, type) => host.api('POST', `/v1/integrations/${id}/sync`, { key, body: { type, mode: 'full' } });
  for (const id of ids) assert.equal((await start(id, 'segv')).status, 202);
  const { quarantine } = await until('the quarantine', async () => {
    const one = await plugin(host, 'hostile');
    return one.quarantine ? one : undefined;
  });
  assert.match(quarantine.reason, /crash/);
  assert.match(await host.cliOk('plugin', 'list'), /quarantine .*released? it with: tomada plugin release hostile/);
  assert.match((await host.api('GET', '/metrics')).body, /plugin_quarantined\{plugin="hostile"\} 1/);

  assert.equal(await host.stop(), 0);
  await host.launch();
  const third = await make('three');
  assert.equal((await start(third, 'ok')).status, 202, 'what is asked for meanwhile waits');
  const waiting = await until('the sync to be put off', async () => {
    const { body } = await host.api('GET', `/v1/integrations/${third}/sync/status`, { key });
    return body.sync?.error ? body.sync : undefined;
  });
  assert.equal(waiting.status, 'pending');
  assert.match(waiting.error.message, /quarantine/);
  // Whose syncs crashed would only crash it again.
  for (const id of ids) assert.equal((await host.api('PATCH', `/v1/integrations/${id}`, { key, body: { is_enabled: false } })).status, 200);
  await host.cliOk('plugin', 'release', 'hostile');
  assert.equal((await syncEnd(host, key, third)).status, 'completed');
  assert.equal((await plugin(host, 'hostile')).quarantine, null);
});
