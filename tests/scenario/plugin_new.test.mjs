// tomada plugin new: each language's template is made, built and checked with the commands that it prints, against an
// installed SDK; what is thrown in it stays in it; and what was made syncs through a real host.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { FakeProvider, Host, allRecords, program, run, startSync, syncEnd, temporaryFolder, tenant } from './support.mjs';

// The file to edit; a line of its sync, and what throws in front of it.
const languages = {
  c: { main: 'plugin.c' },
  cpp: { main: 'plugin.cpp', line: 'std::string cursor(request.resume);', thrown: 'throw std::runtime_error("boom");' },
  rust: { main: 'src/lib.rs', line: 'let mut cursor = request.resume.clone();', thrown: 'if request.full { panic!("boom"); }' },
  go: { main: 'plugin.go', line: 'cursor := request.Resume', thrown: 'if request.Full { panic("boom") }' },
};
const BUILD_SECONDS_MAX = 300;

let root;
let prefix;
let env;
before(async () => {
  root = temporaryFolder();
  prefix = path.join(root, 'prefix');
  // Nothing of whoever runs the tests: Debian's compilers, and no network for cargo and go.
  env = {
    PATH: '/usr/bin:/bin', HOME: root, CMAKE_GENERATOR: 'Ninja', CARGO_HOME: path.join(root, 'cargo'), CARGO_NET_OFFLINE: 'true',
    GOCACHE: path.join(root, 'go'), GOPATH: path.join(root, 'gopath'), GOPROXY: 'off', GOFLAGS: '-mod=mod',
  };
  const build = path.resolve(path.dirname(program), '..');
  await shell(`cmake --install '${build}' --component sdk --prefix '${prefix}'`);
  // As a package has them: the programs beside the SDK.
  fs.mkdirSync(path.join(prefix, 'bin'));
  for (const name of ['tomada', 'tomada-worker']) fs.copyFileSync(path.join(path.dirname(program), name), path.join(prefix, 'bin', name));
});
after(() => fs.rmSync(root, { recursive: true, force: true }));

function shell(script) {
  return new Promise((resolve, reject) => {
    const limits = { timeout: BUILD_SECONDS_MAX * 1000, maxBuffer: 16 * 1024 * 1024 };
    execFile('/bin/sh', ['-ec', script], { cwd: root, env, ...limits }, (error, out, err) => {
      if (error && error.code !== 1) reject(new Error(`${script}: ${error.code}\n${out}${err}`));
      else resolve({ code: error ? 1 : 0, out, err });
    });
  });
}

const seconds = async (work) => {
  const begin = performance.now();
  const result = await work();
  return [result, (performance.now() - begin) / 1000];
};

// The commands that `new` printed, to be run as they stand.
const made = {};
async function make(language) {
  const { code, out, err } = await shell(`'${prefix}/bin/tomada' plugin new my-${language} --lang ${language}`);
  assert.equal(code, 0, err);
  const next = out.slice(out.indexOf('Next:')).split('\n').slice(1);
  const [exported, cd, to_build, to_check, ...more] = next.map((line) => line.trim()).filter(Boolean);
  assert.deepEqual(more, []);
  assert.match(exported, /^export /);
  assert.equal(cd, `cd my-${language}`);
  assert.match(to_check, /^tomada plugin check \S+\.so --replay recordings$/);
  made[language] = {
    build: `${exported}\n${cd}\n${to_build}`,
    check: `${exported}\n${cd}\n${to_check}`,
    file: path.join(root, `my-${language}`, to_check.split(' ')[3]),
  };
}

async function build(language) {
  const { code, out, err } = await shell(made[language].build);
  assert.equal(code, 0, out + err);
}

async function check(language, ...args) {
  const { out, err } = await shell([`${made[language].check} --json`, ...args].join(' '));
  assert.match(out, /^\{/, err);
  return JSON.parse(out);
}

async function passes(language) {
  const report = await check(language);
  assert.deepEqual(report.tests.filter(({ outcome }) => outcome === 'failed'), []);
  assert.deepEqual(report.tests.filter(({ outcome }) => outcome === 'skipped').map(({ name }) => name), ['webhooks']);
  assert.equal(report.plugin, `my-${language}`);
}

function edit(language, file, from, to) {
  const name = path.join(root, `my-${language}`, file);
  const text = fs.readFileSync(name, 'utf8');
  assert.ok(text.includes(from), `${name} has no ${from}`);
  fs.writeFileSync(name, text.replace(from, () => to));
}

for (const [language, { main, line, thrown }] of Object.entries(languages)) {
  test(`${language}: made, built and checked as printed`, async (t) => {
    await make(language);
    const [, to_build] = await seconds(() => build(language));
    const [, to_check] = await seconds(() => passes(language));
    t.diagnostic(`${language}: built in ${to_build.toFixed(1)} s, checked in ${to_check.toFixed(1)} s`);
    const [, again] = await seconds(async () => {
      edit(language, 'manifest.json', '"0.1.0"', '"0.1.1"');
      await build(language);
      assert.equal((await check(language, '--only', 'file')).version, '0.1.1', 'a changed manifest reaches the file');
    });
    t.diagnostic(`${language}: a changed manifest in the file after ${again.toFixed(1)} s`);
    edit(language, 'manifest.json', '"0.1.1"', '"0.1.0"');
    await build(language);
  });

  test(`${language}: an edited line, built and checked`, async (t) => {
    edit(language, main, 'the API\'s paging does not advance', 'the paging of the API does not advance');
    const [, all] = await seconds(async () => {
      await build(language);
      await passes(language);
    });
    t.diagnostic(`${language}: edited, built and checked in ${all.toFixed(1)} s`);
    assert.ok(all < 60, `${all} s`);
  });

  if (thrown) {
    test(`${language}: what is thrown ends the call, not the process`, async () => {
      edit(language, main, line, `${thrown}\n${line}`);
      await build(language);
      const report = await check(language, '--only', "'replay: item'");
      const [failed, ...others] = report.tests.filter(({ outcome }) => outcome === 'failed');
      assert.deepEqual(others, []);
      assert.equal(failed.rule, 'K12');
      assert.match(failed.reason, /ends as internal: .*boom/);
      assert.equal((await check(language, '--only', 'adversary')).failed, 0);
      edit(language, main, `${thrown}\n${line}`, line);
      await build(language);
    });
  }
}

test('rust: its declarations have the layout of the header', async () => {
  const { code, out, err } = await shell('cd my-rust && cargo test --offline');
  assert.equal(code, 0, out + err);
  assert.match(out, /is_that_of_the_header ... ok/);
});

test('what was made syncs through a host, in workers', async (t) => {
  const plugin_dir = path.join(root, 'plugins');
  fs.mkdirSync(plugin_dir);
  const ids = Object.keys(languages).map((language) => `my-${language}`);
  for (const language of Object.keys(languages)) fs.copyFileSync(made[language].file, path.join(plugin_dir, `my-${language}.so`));
  const provider = await FakeProvider.start({ count: 3000, page_size: 100 });
  t.after(() => provider.stop());
  const host = await Host.start({ plugin_dir, env: { TOMADA_HTTP_ALLOW_PRIVATE: provider.address } });
  t.after(() => host.close());
  const key = await tenant(host, 'acme', ids);
  await Promise.all(ids.map(async (id) => {
    const body = { provider: id, name: id, config: { base_url: provider.url }, credentials: { token: provider.token } };
    const created = await host.api('POST', '/v1/integrations', { key, body });
    assert.equal(created.status, 201, JSON.stringify(created.body));
    const integration = created.body.id;
    const tested = await host.api('POST', `/v1/integrations/${integration}/test`, { key });
    assert.equal(tested.body.ok, true, `${id}: ${JSON.stringify(tested.body)}`);
    // Again and again in one worker: Go's collector and its timers run after the worker has closed itself off.
    for (let round = 0; round < 5; ++round) {
      await startSync(host, key, integration);
      assert.equal((await syncEnd(host, key, integration)).status, 'completed', `${id}: ${host.log.slice(-2000)}`);
    }
    const records = await allRecords(host, key, integration);
    const items = records.map(({ external_id, data }) => ({ id: external_id, ...data })).sort((a, b) => (a.id < b.id ? -1 : 1));
    assert.deepEqual(items, [...provider.items.values()], id);
  }));
});

test('what cannot be made says why, and makes nothing', async () => {
  const folder = path.join(root, 'refused');
  const there = path.join(root, 'there');
  fs.mkdirSync(there);
  fs.writeFileSync(path.join(there, 'mine'), '');
  const long = 'x'.repeat(65);
  for (const [args, code, words] of [
    [['My_Plugin', '--lang', 'c', '--dir', folder], 2, /1 to 64 of a-z, 0-9 and -, not "My_Plugin"/],
    [['../x', '--lang', 'c', '--dir', folder], 2, /1 to 64/],
    [[long, '--lang', 'c', '--dir', folder], 2, /1 to 64/],
    [['x', '--lang', 'cobol', '--dir', folder], 2, /"cobol"; --lang is one of c, cpp, go, rust/],
    [['x', '--lang', '../../..', '--dir', folder], 2, /--lang is one of/],
    [['x', '--dir', folder], 2, /--lang is required/],
    [['x', '--lang', 'c', '--dir', there], 1, /there is there already and is not an empty directory/],
    [['x', '--lang', 'c', '--dir', path.join(there, 'mine')], 1, /is not an empty directory/],
    [['x', '--lang', 'c', '--dir', path.join(there, 'mine', 'x')], 1, /mine/],
  ]) {
    const ended = await run(['plugin', 'new', ...args]);
    assert.equal(ended.code, code, `${args}: ${ended.err}`);
    assert.match(ended.err, words);
    assert.equal(fs.existsSync(folder), false);
  }
  assert.deepEqual(fs.readdirSync(there), ['mine']);

  const alone = path.join(root, 'alone/bin');
  fs.mkdirSync(alone, { recursive: true });
  fs.copyFileSync(program, path.join(alone, 'tomada'));
  const { code, err } = await shell(`'${alone}/tomada' plugin new x --lang c`);
  assert.equal(code, 1);
  assert.match(err, /alone\/share\/tomada\/templates: install the package tomada-plugin-dev/);
});
