// A plugin that is bad in every way there is: what it does costs its own calls, the job is given up, nobody else notices.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { FakeProvider, Host, connect, lastSync, plugins, program, startSync, syncEnd, temporaryFolder, tenant, until } from './support.mjs';

const hostile = path.resolve(path.dirname(program), '../tests/plugins/hostile/hostile.so');
const sanitized = Boolean(process.env.TOMADA_TEST_SANITIZER);

// What the entity's name makes the plugin do, and what the host says of it.
const crashes = {
  segv: /SIGSEGV/,
  abort: /SIGABRT/,
  overflow: /SIGSEGV/,
  exit: sanitized ? /exited with code/ : /exited with code 0/,
  close: /closed its socket/,
  garbage: /broke the protocol/,
  memory: sanitized ? undefined : /SIGABRT|of memory/,
  spin: /did not end its call/,
  signals: /did not end its call/,
  never: /did not end its call/,
};
const refused = { fork: /no child/, threads: /not one thread/, descriptors: /not one descriptor/ };

// A host with the hostile plugin and the example one, and an integration of each.
async function story(t, env = {}) {
  const folder = temporaryFolder();
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  for (const file of [hostile, path.join(plugins, 'example.so')]) fs.copyFileSync(file, path.join(folder, path.basename(file)));
  for (const file of fs.readdirSync(folder)) fs.chmodSync(path.join(folder, file), 0o644);
  const provider = await FakeProvider.start({ count: 120 });
  t.after(() => provider.stop());
  const host = await Host.start({
    plugin_dir: folder,
    env: {
      TOMADA_HTTP_ALLOW_PRIVATE: provider.address, TOMADA_SYNC_CALL_TIMEOUT_SECONDS: '1', TOMADA_PLUGINS_WORKER_IDLE_SECONDS: '1',
      TOMADA_PLUGINS_WORKER_MEMORY_BYTES_MAX: String(64 * 2 ** 20), ...env,
    },
  });
  t.after(() => host.close());
  const key = await tenant(host, 'acme', ['example', 'hostile']);
  const answer = await host.api('POST', '/v1/integrations', { key, body: { provider: 'hostile', name: 'hostile', config: {}, credentials: {} } });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return { host, key, bad: answer.body.id, good: await connect(host, key, provider) };
}

const run = async ({ host, key, bad }, type) => {
  const enabled = await host.api('PATCH', `/v1/integrations/${bad}`, { key, body: { is_enabled: true } });
  assert.equal(enabled.status, 200, JSON.stringify(enabled.body));
  const started = await host.api('POST', `/v1/integrations/${bad}/sync`, { key, body: { type, mode: 'full' } });
  assert.equal(started.status, 202, JSON.stringify(started.body));
  await syncEnd(host, key, bad);
  return lastSync(host, key, bad);
};

test('each way to be bad costs its own calls, is given up after two times alone, and pauses its integration', async (t) => {
  const with_ = await story(t);
  const { host, key, bad, good } = with_;
  const descriptors = () => fs.readdirSync(`/proc/${host.child.pid}/fd`).length;
  const workers = async () => Number(/plugin_workers\{plugin="hostile"\} (\d+)/.exec((await host.api('GET', '/metrics')).body)?.[1] ?? 0);

  let goes_on = true;
  let good_count = 0;
  const others = (async () => {
    while (goes_on) {
      await startSync(host, key, good);
      assert.equal((await syncEnd(host, key, good)).status, 'completed');
      good_count += 1;
    }
  })();

  await run(with_, 'ok');
  const before = descriptors();
  for (const [what, words] of Object.entries(crashes)) {
    if (words === undefined) continue;
    const end = await run(with_, what);
    assert.equal(end.status, 'failed', what);
    assert.match(end.error.message, words, what);
    assert.match(end.error.message, /crashed twice while it did this alone/, what);
    const { body } = await host.api('GET', `/v1/integrations/${bad}`, { key });
    assert.equal(body.is_enabled, false, `${what}: ${JSON.stringify(body)}`);
  }
  for (const [what, words] of Object.entries(refused)) {
    const end = await run(with_, what);
    assert.equal(end.status, 'failed', what);
    assert.match(end.error.message, words, what);
  }
  assert.equal((await run(with_, 'ok')).status, 'completed', 'a well-behaved call of it works as before');
  goes_on = false;
  await others;
  assert.ok(good_count > 5, `${good_count} syncs of the other integration`);
  await until('the workers to end', async () => ((await workers()) === 0 ? true : undefined));
  assert.ok(Math.abs(descriptors() - before) < 20, `${before} descriptors before, ${descriptors()} now`);
});
