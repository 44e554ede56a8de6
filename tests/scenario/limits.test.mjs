// Limits over real sockets: a provider that counts, a host that stays within, and what people see of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakeProvider, acme, allRecords, connect, startSync, syncEnd, tenant, until } from './support.mjs';

// So many requests in each window, told in the usual headers; the rest gets 429.
class Limiter {
  constructor(amount, length_ms) {
    Object.assign(this, { amount, length_ms, window: -1, used: 0, served: [], refused: [] });
  }

  // For FakeProvider.when.
  answer() {
    const now = Date.now();
    const window = Math.floor(now / this.length_ms);
    if (window !== this.window) Object.assign(this, { window, used: 0 });
    const ok = this.used < this.amount;
    if (ok) ++this.used;
    (ok ? this.served : this.refused).push(now);
    return {
      ok,
      headers: {
        'x-ratelimit-limit': String(this.amount),
        'x-ratelimit-remaining': String(this.amount - this.used),
        'x-ratelimit-reset': String(Math.ceil((window + 1) * this.length_ms / 1000)),
      },
    };
  }

  attach(provider) {
    provider.when = (request) => {
      const { ok, headers } = this.answer();
      if (!ok) return { status: 429, headers, body: { error: 'too many requests' } };
      const page = provider.page(request);
      return { ...page, headers };
    };
  }
}

test('two tenants flood one account for a minute: its limit is used, hardly ever exceeded, and a test never waits long', async (t) => {
  const provider = await FakeProvider.start({ count: 20_000, page_size: 10 });
  t.after(() => provider.stop());
  const limiter = new Limiter(100, 2_000);
  limiter.attach(provider);
  const { host, key } = await acme(t, { provider });
  const keys = [key, await tenant(host, 'other')];
  const integrations = [];
  for (const each of keys) integrations.push(await connect(host, each, provider));
  const tested = await connect(host, key, provider);  // of the same account: a serial plugin's own sync would hold its test up
  for (const [i, each] of keys.entries()) await startSync(host, each, integrations[i]);

  const waits = [];
  const end = Date.now() + 60_000;
  let learned_at;
  while (Date.now() < end) {
    if (!learned_at && limiter.served.length + limiter.refused.length >= 1_000) learned_at = Date.now();
    const began = Date.now();
    const { status } = await host.api('POST', `/v1/integrations/${tested}/test`, { key });
    assert.equal(status, 200);
    if (learned_at) waits.push(Date.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  const until_ms = Date.now();
  const after = (times) => times.filter((at) => at >= learned_at && at < until_ms).length;
  const used = after(limiter.served) / ((until_ms - learned_at) * limiter.amount / limiter.length_ms);
  const refused = after(limiter.refused) / (after(limiter.served) + after(limiter.refused));
  const longest_ms = Math.max(...waits);
  t.diagnostic(`used ${used.toFixed(3)}, refused ${refused.toFixed(5)}, longest test ${longest_ms} ms, ${after(limiter.served)} requests`);
  assert.ok(used >= 0.95, `used ${used}`);
  assert.ok(refused <= 0.001, `refused ${refused}`);
  assert.ok(longest_ms < 1_000, `a test took ${longest_ms} ms`);

  const { body } = await host.api('GET', `/v1/integrations/${integrations[0]}/metrics`, { key });
  const told = body.limits.find(({ name }) => name === 'x-ratelimit');
  assert.equal(told.limit, 100);
  assert.equal(told.source, 'told');
  assert.ok(told.used >= 50, JSON.stringify(told));
  assert.ok(body.requests.day > 500, JSON.stringify(body.requests));
  // Neither tenant was starved by the other.
  for (const [i, each] of keys.entries()) {
    const status = await host.api('GET', `/v1/integrations/${integrations[i]}/sync/status`, { key: each });
    assert.ok(status.body.progress.current > 7_000, JSON.stringify(status.body.progress));
  }
});

test('what was used survives a restart, and an operator\'s limit holds over it', async (t) => {
  const provider = await FakeProvider.start({ count: 30, page_size: 10 });
  t.after(() => provider.stop());
  const { host, key } = await acme(t, { provider });
  const integration = await connect(host, key, provider);
  const patched = await host.api('PATCH', `/v1/integrations/${integration}`, { key, body: { limits: { rate_limit_per_hour: 5 } } });
  assert.equal(patched.body.limits.rate_limit_per_hour, 5);
  await startSync(host, key, integration);
  assert.equal((await syncEnd(host, key, integration)).status, 'completed');
  const sent = provider.requests.length;
  await host.stop();
  await host.launch();
  const { body } = await host.api('GET', `/v1/integrations/${integration}/metrics`, { key });
  const [hour] = body.limits;
  assert.deepEqual([hour.name, hour.source, hour.limit, hour.used, hour.remaining],
    ['rate_limit_per_hour', 'declared', 5, sent, 5 - sent]);
  assert.ok(body.requests.hour >= sent);
  // Tests go on until the hour is full; the next one is told when to come back.
  for (let left = 5 - sent; left > 0; --left)
    assert.equal((await host.api('POST', `/v1/integrations/${integration}/test`, { key })).body.ok, true);
  const refused = await host.api('POST', `/v1/integrations/${integration}/test`, { key });
  assert.match(JSON.stringify(refused.body), /rate_limited/);
  assert.equal(provider.requests.length, 5);
});

test('a page that fails twice is asked for again within the same attempt', async (t) => {
  const provider = await FakeProvider.start({ count: 30, page_size: 10 });
  t.after(() => provider.stop());
  let failures = 0;
  provider.when = () => (failures++ < 2 ? { status: 503, body: 'busy' } : undefined);
  const { host, key } = await acme(t, { provider, env: { TOMADA_CALLS_RETRY_BACKOFF_MS: '10' } });
  const integration = await connect(host, key, provider);
  await startSync(host, key, integration);
  const end = await syncEnd(host, key, integration);
  assert.equal(end.status, 'completed');
  assert.equal(end.retry_count, 0);
  assert.equal((await allRecords(host, key, integration)).length, 30);
  const { body } = await host.api('GET', '/metrics');
  assert.match(body, /integration_retries_total\{provider="example"\} 2/);
});

test('a provider that fails is left alone, tried again, and every change is an event', async (t) => {
  const provider = await FakeProvider.start({ count: 5 });
  t.after(() => provider.stop());
  let well = false;
  provider.when = () => (well ? undefined : { status: 500, body: 'down' });
  const { host, key } = await acme(t, {
    provider, env: { TOMADA_CALLS_RETRY_ATTEMPTS: '0', TOMADA_CALLS_CIRCUIT_BREAKER_TIMEOUT_MS: '300' },
  });
  const integration = await connect(host, key, provider);
  const once = () => host.api('POST', `/v1/integrations/${integration}/test`, { key });
  for (let i = 0; i < 5; ++i) await once();
  assert.equal(provider.requests.length, 5);
  assert.match(JSON.stringify((await once()).body), /circuit/);
  assert.equal(provider.requests.length, 5, 'an open circuit sends nothing');
  const breaker = async () => (await host.api('GET', `/v1/integrations/${integration}/circuit-breaker`, { key })).body;
  const open = await breaker();
  assert.equal(open.current_state, 'open');
  assert.equal(open.hosts[0].host, provider.address);
  assert.equal(open.hosts[0].consecutive_failures, 5);
  assert.ok(open.hosts[0].next_attempt_at);

  well = true;
  await until('the circuit to close', async () => {
    await once();
    return (await breaker()).current_state === 'closed' || undefined;
  });
  const { body } = await host.api('GET', '/v1/events?after=0&limit=10', { key });
  assert.deepEqual(body.events.map(({ type }) => type.replace('circuit_breaker.', '')), ['open', 'half_open', 'closed']);
  assert.deepEqual(body.events.map(({ sequence }) => sequence), [1, 2, 3]);
  assert.equal(body.events[0].integration_id, integration);
  assert.equal((await host.api('GET', '/v1/events?after=3', { key })).body.events.length, 0);
  assert.equal((await host.api('GET', '/v1/events?after=x', { key })).status, 400);
});

test('wrong limits are refused by name', async (t) => {
  const provider = await FakeProvider.start();
  t.after(() => provider.stop());
  const { host, key } = await acme(t, { provider });
  const integration = await connect(host, key, provider);
  for (const [limits, words] of [
    [{ rate_limit_per_minute: 0 }, /limits\.rate_limit_per_minute.*1 to/],
    [{ retry_attempts: 99 }, /limits\.retry_attempts.*0 to 10/],
    [{ circuit_breaker_enabled: 1 }, /limits\.circuit_breaker_enabled.*true or false/],
    [{ per_second: 5 }, /limits\.per_second/],
  ]) {
    const { status, body } = await host.api('PATCH', `/v1/integrations/${integration}`, { key, body: { limits } });
    assert.equal(status, 422);
    assert.match(JSON.stringify(body), words);
  }
});
