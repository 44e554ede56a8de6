// Every way in which a provider disappoints, and the outcome that stands in the sync log.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakeProvider, acme, allRecords, connect, lastSync, startSync, syncEnd, until } from './support.mjs';

async function story(t, when, { env = {}, credentials } = {}) {
  const provider = await FakeProvider.start({ count: 30, page_size: 10 });
  t.after(() => provider.stop());
  provider.when = when;
  // What a job does; what a request does is told in limits.test.mjs.
  const { host, key } = await acme(t, { provider, env: { TOMADA_CALLS_RETRY_ATTEMPTS: '0', ...env } });
  const integration = await connect(host, key, provider, { credentials });
  await startSync(host, key, integration);
  return { provider, host, key, integration };
}
const once_tried = { env: { TOMADA_JOBS_ATTEMPTS_MAX: '1' } };

// The log line once the first attempt has failed: it says why, and when the next one is.
const afterFirstAttempt = ({ host, key, integration }) => until('a failed attempt in the log', async () => {
  const line = await lastSync(host, key, integration);
  return line.error && line.status !== 'processing' ? line : undefined;
});

test('429 with Retry-After is waited out, from the last checkpoint, and then completes', async (t) => {
  let limited = 0;
  const at = [];
  const s = await story(t, ({ query }) => {
    if (!query.get('cursor')) return undefined;
    at.push(Date.now());
    return limited++ === 0 ? { status: 429, headers: { 'retry-after': '2' }, body: { error: 'slow down' } } : undefined;
  });
  const line = await afterFirstAttempt(s);
  assert.equal(line.error.code, 'rate_limited');
  const end = await syncEnd(s.host, s.key, s.integration);
  assert.equal(end.status, 'completed');
  assert.equal((await allRecords(s.host, s.key, s.integration)).length, 30);
  assert.ok(at[1] - at[0] >= 1900, `asked again after ${at[1] - at[0]} ms`);
  assert.equal(s.provider.requests.filter(({ query }) => !query.get('cursor')).length, 1, 'the first page was asked for once');
});

test('500 is tried again by the backoff and completes', async (t) => {
  let broken = 0;
  const s = await story(t, () => (broken++ === 0 ? { status: 500, body: 'oops' } : undefined));
  const line = await afterFirstAttempt(s);
  assert.equal(line.error.code, 'unavailable');
  assert.equal((await syncEnd(s.host, s.key, s.integration)).status, 'completed');
  assert.equal((await allRecords(s.host, s.key, s.integration)).length, 30);
});

test('a provider that hangs up every time ends the run as failed, after its attempts', async (t) => {
  const s = await story(t, () => 'hang up', { env: { TOMADA_JOBS_ATTEMPTS_MAX: '2' } });
  assert.equal((await syncEnd(s.host, s.key, s.integration)).status, 'failed');
  const line = await lastSync(s.host, s.key, s.integration);
  assert.equal(line.error.code, 'unavailable');
  assert.ok(line.error.message.length > 0);
  const { body } = await s.host.api('GET', `/v1/integrations/${s.integration}`, { key: s.key });
  assert.match(JSON.stringify(body), /unhealthy|degraded/);
});

test('a conflict that the provider answers with is tried again by the backoff, and not for ever', async (t) => {
  const s = await story(t, () => ({ status: 409, body: { error: 'somebody else changed it' } }), { env: { TOMADA_JOBS_ATTEMPTS_MAX: '2' } });
  assert.equal((await syncEnd(s.host, s.key, s.integration)).status, 'failed');
  assert.equal((await lastSync(s.host, s.key, s.integration)).error.code, 'conflict');
  assert.equal(s.provider.requests.length, 2);
});

test('a provider that never answers is left at the deadline', async (t) => {
  const s = await story(t, () => 'silence',
    { env: { TOMADA_JOBS_ATTEMPTS_MAX: '1', TOMADA_SYNC_CALL_TIMEOUT_SECONDS: '2' } });
  assert.equal((await syncEnd(s.host, s.key, s.integration)).status, 'failed');
  assert.match((await lastSync(s.host, s.key, s.integration)).error.code, /deadline|unavailable/);
});

for (const [what, answer] of [
  ['text instead of JSON', { status: 200, body: '<html>maintenance</html>' }],
  ['JSON cut in the middle', { status: 200, body: '{"items":[{"id":"a","na' }],
  ['JSON of another shape', { status: 200, body: { items: 'none', next: 3 } }],
]) {
  test(`an answer that is ${what} ends the run as failed and stores nothing`, async (t) => {
    const s = await story(t, () => answer, once_tried);
    assert.equal((await syncEnd(s.host, s.key, s.integration)).status, 'failed');
    assert.equal((await lastSync(s.host, s.key, s.integration)).error.code, 'invalid_data');
    assert.equal((await allRecords(s.host, s.key, s.integration)).length, 0);
  });
}

test('one item without an id leaves the others standing: the run is partial', async (t) => {
  const items = [{ id: 'a', name: 'A', updated_at: '2026-01-01T00:00:00Z' }, { id: '', name: 'B', updated_at: '2026-01-01T00:00:00Z' },
    { id: 'c', name: 'C', updated_at: '2026-01-01T00:00:00Z' }];
  const s = await story(t, () => ({ status: 200, body: { items, next: null } }), once_tried);
  assert.equal((await syncEnd(s.host, s.key, s.integration)).status, 'partial');
  const line = await lastSync(s.host, s.key, s.integration);
  assert.equal(line.records_failed, 1);
  assert.deepEqual((await allRecords(s.host, s.key, s.integration)).map((r) => r.external_id).sort(), ['a', 'c']);
});

test('a token that the provider refuses asks for a person, not for another try', async (t) => {
  const s = await story(t, () => undefined, { credentials: { token: 'wrong-token-123456' } });
  assert.equal((await syncEnd(s.host, s.key, s.integration)).status, 'failed');
  assert.equal((await lastSync(s.host, s.key, s.integration)).error.code, 'unauthenticated');
  assert.equal(s.provider.requests.length, 1);
  const { body: tested } = await s.host.api('POST', `/v1/integrations/${s.integration}/test`, { key: s.key });
  assert.equal(tested.ok, false);

  // The person reconnects, and it works.
  const connected = await s.host.api('POST', `/v1/integrations/${s.integration}/connect`,
    { key: s.key, body: { credentials: { token: s.provider.token } } });
  assert.ok(connected.status < 300, JSON.stringify(connected.body));
  await startSync(s.host, s.key, s.integration);
  assert.equal((await syncEnd(s.host, s.key, s.integration)).status, 'completed');
  assert.ok(!s.host.log.includes('wrong-token-123456') && !s.host.log.includes(s.provider.token), 'the log shows no token');
});
