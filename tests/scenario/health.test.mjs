// What monitoring asks: health in the users' shape, readiness, liveness, and metrics under the users' names.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakeProvider, acme, connect, startSync, syncEnd } from './support.mjs';

test('health and metrics tell what happened', async (t) => {
  const provider = await FakeProvider.start({ count: 20, page_size: 10 });
  t.after(() => provider.stop());
  const { host, key } = await acme(t, { provider });
  const id = await connect(host, key, provider);
  await startSync(host, key, id);
  assert.equal((await syncEnd(host, key, id)).status, 'completed');

  for (const target of ['/health', '/health/ready', '/health/live']) {
    assert.equal((await host.api('GET', target)).status, 200, target);
  }
  const { body: health } = await host.api('GET', '/health');
  assert.equal(health.status, 'healthy');

  const { status, headers, body: metrics } = await host.api('GET', '/metrics');
  assert.equal(status, 200);
  assert.match(headers['content-type'], /^text\/plain/);
  const line = metrics.split('\n').find((text) => /^integration_requests_total\{/.test(text) && /provider="example"/.test(text));
  assert.ok(line, metrics);
  assert.match(line, /method="GET"/);
  assert.match(line, /status="200"/);
  assert.ok(Number(line.split(' ').at(-1)) >= 2);
  // Each family is declared once, each sample has a finite value.
  const declared = [...metrics.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  assert.equal(new Set(declared).size, declared.length);
});
