// tomada plugin check: sound plugins pass, each planted fault is found by its rule and by no other, a recording is a yardstick.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { StripeSandbox } from '../sandbox/stripe_server.mjs';
import { FakeProvider, plugins, program, run, temporaryFolder } from './support.mjs';

const build = path.resolve(path.dirname(program), '..');
const tools = process.env.TOMADA_TEST_TOOLS ?? path.join(build, 'tests/scenario');
const sanitized = Boolean(process.env.TOMADA_TEST_SANITIZER);
const test_plugin = (name) => path.join(build, 'tests/plugins', name, `${name}.so`);
const faulty = (rule) => path.join(build, 'tests/plugins/faulty', `faulty_${rule}.so`);

// { code, tests: [{ name, outcome, rule, reason }], … }
async function check(file, ...args) {
  const { code, out, err } = await run(['plugin', 'check', file, '--json', ...args]);
  assert.ok(code === 0 || code === 1, `${file}: ${code} ${err}`);
  const report = JSON.parse(out);
  assert.equal(report.failed > 0, code === 1);
  return { ...report, code, rules: [...new Set(report.tests.filter(({ outcome }) => outcome === 'failed').map(({ rule }) => rule))] };
}

function folder(t) {
  const made = temporaryFolder();
  t.after(() => fs.rmSync(made, { recursive: true, force: true }));
  return made;
}

const page = (after, things, more) => ({
  request: { method: 'GET', url: `https://api.example.com/things${after && `?after=${after}`}`, body: '' },
  answer: { status: 200, headers: [['content-type', 'application/json']], body: `{"things":${JSON.stringify(things)},"more":${more}}` },
});
const recorded = {
  format: 'tomada-recording/1', plugin: 'faulty', version: '1.0.0', entity: 'thing', mode: 'full', since: '', now_ms: 1767225600000, config: {},
  traffic: [page('', ['a', 'b'], true), page('b', ['c', 'd'], true), page('d', ['e'], false)],
  records: ['a', 'b', 'c', 'd', 'e'].map((id) => ({ entity: 'thing', id, data: '{"a":1}', updated_at_ms: 0 })),
  checkpoints: 2, completed: ['thing'],
};

test('each rule is found by a plugin that breaks it, and by it alone', async (t) => {
  const recording = folder(t);
  fs.writeFileSync(path.join(recording, 'thing.full.json'), JSON.stringify(recorded));
  const sound = await check(faulty('none'), '--replay', recording);
  assert.deepEqual(sound.rules, [], JSON.stringify(sound.tests.filter(({ outcome }) => outcome === 'failed')));
  assert.deepEqual(sound.tests.filter(({ outcome }) => outcome === 'skipped').map(({ name }) => name), ['webhooks']);
  assert.deepEqual((await check(faulty('inline'))).rules, []);
  const files = fs.readdirSync(path.join(build, 'tests/plugins/faulty')).filter((name) => /^faulty_[CKP]\d\d\.so$/.test(name));
  assert.equal(files.length, 27);
  for (const name of files) {
    const rule = name.slice('faulty_'.length, -'.so'.length);
    const more = rule === 'K02' ? ['--only', 'a page of a proxy'] : ['K10', 'C11', 'P21'].includes(rule) ? [] : ['--replay', recording];
    const { rules, tests } = await check(faulty(rule), ...more);
    assert.deepEqual(rules, [rule], `${name}: ${JSON.stringify(tests.filter(({ outcome }) => outcome === 'failed'))}`);
  }
});

test('a file that would be refused is refused by the same rule, and no code of it runs', async () => {
  for (const [name, rule] of Object.entries({
    no_note: 'P05', two_notes: 'P05', wrong_json: 'P06', newer_abi: 'P07', exports_too_much: 'P08', lacks_entry: 'P08', extra_library: 'P09',
    gnu_unique: 'P12', unknown_service: 'P14', static_runtime: 'P19', unresolved: 'P17', entry_throws: 'P18', entry_fails: 'P18', lacks_sync: 'P18',
    table_too_small: 'P18', table_too_new: 'P18', ...(sanitized ? {} : { static_tls: 'P11' }),
  })) {
    const { rules } = await check(test_plugin(name));
    // A unique symbol is always an export as well.
    assert.deepEqual(rules.sort(), name === 'gnu_unique' ? ['P08', 'P12'] : [rule], name);
  }
});

test('so are files that are no plugin, or not for this machine', async (t) => {
  const at = folder(t);
  const sound = fs.readFileSync(test_plugin('trampoline_serial'));
  const changed = (change) => {
    const bytes = Buffer.from(sound);
    change(bytes);
    return bytes;
  };
  const files = {
    P01: Buffer.from('<!doctype html><title>404</title>'),
    P02: changed((bytes) => bytes.writeUInt16LE(183, 18)), // e_machine: AArch64
    P03: sound.subarray(0, 3000),
    P04: changed((bytes) => bytes.writeUInt16LE(2, 16)), // e_type: a program at a fixed address
    P10: changed((bytes) => bytes.write('GLIBC_9.999', bytes.indexOf('GLIBC_2.2.5'))),
    P13: sound,
  };
  for (const [rule, bytes] of Object.entries(files)) {
    const file = path.join(at, `${rule}.so`);
    fs.writeFileSync(file, bytes);
    fs.chmodSync(file, rule === 'P13' ? 0o666 : 0o644);
    assert.deepEqual((await check(file)).rules, [rule]);
  }
  assert.deepEqual((await check('/dev/null')).rules, ['P20']);
});

test('a provider that limits is waited for, and its 429 is no part of the recording', async (t) => {
  const made = folder(t);
  const provider = await FakeProvider.start({ count: 120 });
  t.after(() => provider.stop());
  provider.when = (seen, index) => (index % 2 === 0 ? { status: 429, headers: { 'retry-after': '0' }, body: {} } : undefined);
  fs.writeFileSync(path.join(made, 'config.json'), JSON.stringify({ base_url: provider.url }));
  fs.writeFileSync(path.join(made, 'credentials.json'), JSON.stringify({ token: provider.token }));
  const recording = path.join(made, 'recording');
  const example = path.join(plugins, 'example.so');
  const words = ['plugin', 'check', example, '--record', recording, '--config', path.join(made, 'config.json'), '--credentials', path.join(made, 'credentials.json')];
  const { code, out, err } = await run(words, { ...process.env, TOMADA_HTTP_ALLOW_PRIVATE: provider.address });
  assert.equal(code, 0, err);
  assert.match(err, /the provider answers 429: waiting 0 s/);
  assert.match(out, /recorded item full: 3 requests, 120 records/);
  assert.ok(!/"status": ?429/.test(fs.readFileSync(path.join(recording, 'item.full.json'), 'utf8')));
  const sound = await check(example, '--replay', recording);
  assert.deepEqual(sound.rules, []);
});

test('faults in copies of stripe are found with a recording of its sandbox', async (t) => {
  const sandbox = await StripeSandbox.start({ counts: { customer: 230 } });
  t.after(() => sandbox.stop());
  const made = folder(t);
  const file = (name, content) => {
    fs.writeFileSync(path.join(made, name), JSON.stringify(content));
    return path.join(made, name);
  };
  const recording = path.join(made, 'recording');
  const stripe = path.join(plugins, 'stripe.so');
  const real = ['--config', file('config.json', { base_url: sandbox.url }), '--credentials', file('credentials.json', { api_key: sandbox.api_key })];
  const env = { ...process.env, TOMADA_HTTP_ALLOW_PRIVATE: new URL(sandbox.url).host };
  const { code, out, err } = await run(['plugin', 'check', stripe, '--record', recording, '--entity', 'customer', ...real], env);
  assert.equal(code, 0, err);
  assert.match(out, /recorded customer full: \d+ requests, 230 records, 2 checkpoints/);
  assert.ok(!fs.readFileSync(path.join(recording, 'customer.full.json'), 'utf8').includes(sandbox.api_key), 'no secret is kept');

  const sound = await check(stripe, '--replay', recording, '--only', 'customer');
  assert.deepEqual(sound.rules, [], JSON.stringify(sound.tests.filter(({ outcome }) => outcome === 'failed')));
  assert.ok(sound.tests.filter(({ name, outcome }) => name.startsWith('replay') && outcome === 'passed').length === 5);
  for (const [fault, rule] of Object.entries({
    leaked_handle: 'K03', missing_checkpoint: 'K12', skipping_cursor: 'K13', ignored_cancel: 'K04', endless_empty_page: 'K14', secret_in_log: 'K05',
  })) {
    const { rules, tests } = await check(path.join(tools, `planted/planted_${fault}.so`), '--replay', recording, '--only', 'customer');
    assert.deepEqual(rules, [rule], `${fault}: ${JSON.stringify(tests.filter(({ outcome }) => outcome === 'failed'))}`);
  }
});

test('the plugins of this tree pass, and the same seed gives the same report', async () => {
  for (const name of ['example', 'aws-s3', 'webhook']) {
    const first = await check(path.join(plugins, `${name}.so`), '--seed', '7');
    assert.deepEqual(first.rules, [], `${name}: ${JSON.stringify(first.tests.filter(({ outcome }) => outcome === 'failed'))}`);
  }
  const hostile = await check(faulty('K01'), '--seed', '11');
  assert.deepEqual(await check(faulty('K01'), '--seed', '11'), hostile);
  const [found] = hostile.tests.filter(({ outcome }) => outcome === 'failed');
  assert.match(found.reason, /SIGABRT/);
});

test('what cannot be checked says why', async () => {
  for (const [args, words] of [[['/nowhere.so', '--only', 'adversary'], /P20/], [[path.join(plugins, 'example.so'), '--config', '/nowhere.json'], /cannot read/]]) {
    const { code, out, err } = await run(['plugin', 'check', ...args]);
    assert.notEqual(code, 0);
    assert.match(out + err, words);
  }
});
