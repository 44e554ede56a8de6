// `tomada webhooks verify` needs nothing but the plugins: no host, no key, no data directory.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { temporaryFolder } from './support.mjs';

const vectors = (name) => JSON.parse(fs.readFileSync(path.join(import.meta.dirname, '../vectors/webhooks', `${name}.json`), 'utf8'));

function verify(t, provider, vector, more = []) {
  const home = temporaryFolder();
  t.after(() => fs.rmSync(home, { recursive: true, force: true }));
  const args = ['webhooks', 'verify', '--plugin-dir', process.env.TOMADA_PLUGINS, '--provider', provider, '--secret', vector.secret,
    '--now', String(vector.now_unix), '--method', vector.method, '--url', vector.url,
    ...(vector.tolerance_s === null ? [] : ['--tolerance', String(vector.tolerance_s)]),
    ...Object.entries(vector.headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]), ...more];
  const data_dir = path.join(home, 'data');
  const ran = spawnSync(process.env.TOMADA_BIN, args, {
    cwd: home, input: Buffer.from(vector.body_base64, 'base64'), encoding: 'utf8', timeout: 60_000,
    env: { PATH: process.env.PATH, ...Object.fromEntries(Object.entries(process.env).filter(([name]) => name.endsWith('SAN_OPTIONS'))), TOMADA_DATA_DIR: data_dir },
  });
  assert.deepEqual(fs.readdirSync(home), [], 'the command leaves nothing behind');
  return ran;
}

for (const [provider, file, more] of [
  ['stripe', 'stripe', []],
  ['webhook', 'github', ['--integration-config', '{"preset":"github"}']],
  ['webhook', 'standard-webhooks-v1a', []],
]) {
  test(`the vectors ${file} are judged by the plugin ${provider}`, (t) => {
    for (const vector of vectors(file)) {
      const { status, stdout, stderr } = verify(t, provider, vector, more);
      assert.match(stdout, vector.expect === 'valid' ? /^valid\n$/ : /^invalid: .+\n$/, `${vector.description}: ${stdout}${stderr}`);
      assert.equal(status, vector.expect === 'valid' ? 0 : 1, vector.description);
      assert.ok(!(stdout + stderr).includes(vector.secret), 'the secret is not repeated');
    }
  });
}

test('while a secret is changed, both are tried', (t) => {
  const [vector] = vectors('stripe');
  assert.equal(verify(t, 'stripe', { ...vector, secret: 'whsec_old' }, ['--secret', vector.secret]).status, 0);
  assert.equal(verify(t, 'stripe', { ...vector, secret: 'whsec_old' }, ['--secret', 'whsec_older']).status, 1);
});

test('what is wrong with the words themselves is another exit code', (t) => {
  const [vector] = vectors('stripe');
  for (const [provider, more, words] of [
    ['no-such-provider', [], /no plugin "no-such-provider".*stripe/],
    ['example', [], /receives no webhooks/],
    ['stripe', ['--header', 'no colon'], /must be 'Name: value'/],
    ['webhook', ['--integration-config', '{"preset":"other"}'], /preset/],
    ['webhook', ['--integration-config', '[]'], /must be a JSON object/],
  ]) {
    const { status, stdout, stderr } = verify(t, provider, vector, more);
    assert.equal(status, 2, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, words);
  }
});
