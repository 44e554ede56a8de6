// Every request of the stripe plugin is one that Stripe's own OpenAPI description allows, and every answer of the sandbox
// is one that it describes: Prism stands between them as a validating proxy and refuses what is not.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { kinds } from '../sandbox/stripe_server.mjs';
import { assertSame, stripeStory } from './stripe_support.mjs';
import { freePort, lastSync, request, temporaryFolder, until } from './support.mjs';

const tests = path.resolve(import.meta.dirname, '..');
const specs = process.env.TOMADA_SPECS ?? path.resolve(tests, '../../shared/specs');
const description = path.join(specs, 'stripe/openapi.json');

// Prism takes a deepObject parameter that is absent for an empty object, and then misses what is required in it.
function withoutRequiredInAbsent(document) {
  const parameter = document.paths['/v1/subscriptions'].get.parameters.find(({ name }) => name === 'automatic_tax');
  delete parameter.schema.required;
  return document;
}

async function startPrism(t, upstream) {
  const folder = temporaryFolder();
  const file = path.join(folder, 'openapi.json');
  fs.writeFileSync(file, JSON.stringify(withoutRequiredInAbsent(JSON.parse(fs.readFileSync(description)))));
  const port = await freePort();
  const program = path.join(tests, 'node_modules/@stoplight/prism-cli/dist/index.js');
  const child = spawn(process.execPath, [program, 'proxy', '--errors', '-h', '127.0.0.1', '-p', String(port), file, upstream],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } });
  const prism = { url: `http://127.0.0.1:${port}`, log: '' };
  const keep = (chunk) => { prism.log += chunk; };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const gone = new Promise((resolve) => { child.once('close', resolve); });
  t.after(async () => {
    child.kill('SIGKILL');
    await gone;
    fs.rmSync(folder, { recursive: true, force: true });
  });
  await until('Prism to listen', async () => {
    if (child.exitCode !== null) throw new Error(`Prism ended with ${child.exitCode}:\n${prism.log}`);
    return /listening on/.test(prism.log) ? true : undefined;
  }, { seconds: 120 });
  return prism;
}

const why = fs.existsSync(description) ? false : `NOTICE: not checked, ${description} is absent (TOMADA_SPECS names its folder)`;
if (why) console.log(why);

test('Prism finds nothing wrong with a full run, an incremental one and a connection test', { skip: why }, async (t) => {
  let prism;
  const { sandbox, host, key, integration, sync, records } = await stripeStory(t, {
    env: { TOMADA_JOBS_ATTEMPTS_MAX: '1' },
    base_url: async (started) => {
      prism = await startPrism(t, started.url);
      return prism.url;
    },
  });
  const authorization = `Bearer ${sandbox.api_key}`;
  const wrong = await request(`${prism.url}/v1/customers?limit=many`, { headers: { authorization } });
  assert.equal(wrong.status, 422, 'it does look: a limit that is no number is refused');
  assert.equal(sandbox.requests.length, 0);

  const tested = await host.api('POST', `/v1/integrations/${integration}/test`, { key });
  assert.equal(tested.body.ok, true, JSON.stringify(tested.body));
  const completed = async (mode) => {
    const { status } = await sync(mode);
    assert.equal(status, 'completed', `${JSON.stringify((await lastSync(host, key, integration)).error)}\n${prism.log.slice(-2000)}`);
    assertSame(sandbox, await records(), Object.keys(kinds));
  };
  // No event yet, so that the first incremental run looks for the oldest.
  await completed('full');
  for (let i = 0; i < 30; ++i) sandbox.changeSomething();
  await completed('incremental');
  for (let i = 0; i < 30; ++i) sandbox.changeSomething();
  await completed('incremental');
  await completed('full');

  const asked = new Set(sandbox.requests.map(({ path: target }) => target));
  for (const { list } of Object.values(kinds)) assert.ok(asked.has(`/v1/${list}`), list);
  assert.ok(asked.has('/v1/events') && asked.has('/v1/balance'));
  const complaints = prism.log.split('\n').filter((line) => /violation|✖/i.test(line));  // an "error" may be part of its made-up paths
  assert.equal(complaints.length, 1, `the one that was provoked above, not:\n${complaints.join('\n')}`);
  t.diagnostic(`${sandbox.requests.length} requests, none refused`);
});
