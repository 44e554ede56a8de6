// The stripe plugin against the sandbox: first by lists, then by events, with deletions, cuts and every kind of trouble.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { kinds } from '../sandbox/stripe_server.mjs';
import { assertSame, stripeStory } from './stripe_support.mjs';
import { lastSync, signal, startSync, syncEnd, within } from './support.mjs';

const all = Object.keys(kinds);

test('a full run reads every list to its end, an incremental one only what the events tell', async (t) => {
  const { sandbox, sync, records, host, key, integration } = await stripeStory(t);
  const tested = await host.api('POST', `/v1/integrations/${integration}/test`, { key });
  assert.equal(tested.body.ok, true, JSON.stringify(tested.body));
  assert.deepEqual(sandbox.requests.map(({ path }) => path), ['/v1/balance']);

  assert.equal((await sync('full')).status, 'completed');
  assertSame(sandbox, await records(), all);
  for (const { headers, method } of sandbox.requests) {
    assert.equal(method, 'GET');
    assert.equal(headers['stripe-version'], '2023-08-16');
    assert.equal(headers.authorization, `Bearer ${sandbox.api_key}`);
    assert.equal(headers['stripe-account'], undefined);
  }
  const pages = sandbox.requests.filter(({ path }) => path === '/v1/customers');
  assert.deepEqual(pages.map(({ query }) => query.get('limit')), ['100', '100', '100']);

  const changes = [];
  for (let i = 0; i < 150; ++i) changes.push(sandbox.changeSomething());
  assert.ok(new Set(changes.map(({ what }) => what)).size === 4, 'created, changed, deleted, canceled');
  sandbox.requests.length = 0;
  assert.equal((await sync('incremental')).status, 'completed');
  const byKind = await records();
  assertSame(sandbox, byKind, all);
  assert.deepEqual([...new Set(sandbox.requests.map(({ path }) => path))].sort(), ['/v1/events', '/v1/refunds']);
  assert.equal(byKind.event.size, sandbox.objects('event').size, 'the events themselves are records');

  // Once more: nothing new is nothing changed.
  assert.equal((await sync('incremental')).status, 'completed');
  assert.equal((await lastSync(host, key, integration)).records_changed, 0);
  const versions = (of) => Object.values(of).flatMap((byId) => [...byId.values()].map(({ external_id, version }) => [external_id, version]));
  assert.deepEqual(versions(await records()), versions(byKind));
});

test('of two events within one second the later one stands, also across pages', async (t) => {
  const { sandbox, sync, records } = await stripeStory(t, { counts: { customer: 3 } });
  assert.equal((await sync('full')).status, 'completed');
  const frozen = Date.now();
  sandbox.now = () => Math.floor(frozen / 1000);
  const [customer, other] = [...sandbox.objects('customer').values()];
  for (let i = 0; i < 130; ++i) sandbox.update(customer, { name: `name ${i}` });
  sandbox.remove(other);
  assert.equal((await sync('incremental')).status, 'completed');
  const { customer: byId } = await records();
  assert.equal(byId.get(customer.id).data.name, 'name 129');
  assert.equal(byId.get(other.id).deleted, true);
});

test('what changes while a list is read is not lost, whatever the two clocks say', async (t) => {
  for (const hours of [-2, 0, 2]) {
    await t.test(`Stripe's clock is ${hours} h off`, async (t) => {
      const { sandbox, sync, records } = await stripeStory(t, { counts: { customer: 250, product: 5 } });
      sandbox.clock_offset_ms = hours * 3_600_000;
      const ids = [...sandbox.objects('customer').keys()];
      let pages = 0;
      sandbox.when = ({ path }) => {
        if (path !== '/v1/customers' || ++pages !== 2) return undefined;
        sandbox.update({ object: 'customer', id: ids[249] }, { name: 'listed before' });
        sandbox.update({ object: 'customer', id: ids[0] }, { name: 'listed after' });
        sandbox.remove({ object: 'customer', id: ids[248] });
        sandbox.create('customer');
        return undefined;
      };
      assert.equal((await sync('full')).status, 'completed');
      assert.equal((await sync('incremental')).status, 'completed');
      assertSame(sandbox, await records(), ['customer', 'product']);
    });
  }
});

test('kill -9 while lists and events are read: it goes on from the last page', async (t) => {
  const { sandbox, records, host, key, integration } = await stripeStory(t);
  const cut = async (mode, is_moment) => {
    const reached = signal();
    let asked = 0;
    sandbox.when = (request) => {
      if (!is_moment(request) || ++asked !== 2) return undefined;
      reached.raise();
      return { trouble: 'drop' };
    };
    await startSync(host, key, integration, mode);
    await within(reached.raised, 'the second page');
    await host.kill();
    sandbox.when = () => undefined;
    sandbox.requests.length = 0;
    await host.launch();
    assert.equal((await syncEnd(host, key, integration)).status, 'completed');
  };
  await cut('full', ({ path }) => path === '/v1/invoices');
  assert.equal(sandbox.requests.filter(({ path }) => path === '/v1/customers').length, 0, 'customers were done');
  const [page] = sandbox.requests.filter(({ path }) => path === '/v1/invoices');
  assert.ok(page.query.get('starting_after'), 'the first page of invoices was kept');
  assertSame(sandbox, await records(), all);

  for (let i = 0; i < 900; ++i) sandbox.changeSomething();
  await cut('incremental', ({ path, query }) => path === '/v1/events' && query.getAll('types[]').length === 0 && query.has('ending_before'));
  assertSame(sandbox, await records(), all);
  assert.equal((await records()).event.size, sandbox.objects('event').size);
});

test('an event that Stripe has dropped: everything is listed again', async (t) => {
  const { sandbox, sync, records, host } = await stripeStory(t, { counts: { customer: 120, subscription: 5 } });
  sandbox.create('customer');
  assert.equal((await sync('full')).status, 'completed');
  const [first] = sandbox.objects('customer').values();
  sandbox.update(first, { name: 'changed, but the event is gone' });
  sandbox.tables.event.forget();
  assert.equal((await sync('incremental')).status, 'completed');
  assertSame(sandbox, await records(), ['customer', 'subscription']);
  assert.match(host.log, /no longer knows the event evt_/);
});

test('every kind of trouble is waited out and nothing is missing', async (t) => {
  const troubles = [
    { trouble: 'rate limit', retry_after: 1 }, { trouble: 'error', status: 500 }, { trouble: 'drop' }, { trouble: 'slow', ms: 300 },
    { trouble: 'error', status: 400, error: { code: 'lock_timeout' } }, { trouble: 'error', status: 409, headers: { 'stripe-should-retry': 'true' } },
  ];
  const { sandbox, sync, records } = await stripeStory(t, { counts: { customer: 850, product: 20 } });
  let next = 0;
  // Each second page of customers has one.
  sandbox.when = ({ path }) => (path === '/v1/customers' && next++ % 2 === 1 ? troubles.shift() : undefined);
  assert.equal((await sync('full')).status, 'completed');
  assert.equal(troubles.length, 0, 'each trouble came');
  assertSame(sandbox, await records(), ['customer', 'product']);
});

for (const [what, trouble, code, words] of [
  ['an unknown key', { trouble: 'error', status: 401, error: { message: 'Invalid API Key provided: sk_test_sandbox0001' } }, 'unauthenticated', /credentials\.api_key/],
  ['a missing permission', { trouble: 'error', status: 403, error: { message: "The key 'rk_test_sandbox0001' has no permission" } }, 'forbidden', /permission/],
  ['JSON that is cut', { trouble: 'malformed' }, 'invalid_data', /JSON/],
  ['a page of something else', { trouble: 'malformed', text: '<html>maintenance</html>' }, 'invalid_data', /JSON/],
  ['a list without has_more', { trouble: 'malformed', text: '{"object":"list","data":[]}' }, 'invalid_data', /has_more/],
  ['an empty page that says there is more', { trouble: 'malformed', text: '{"object":"list","data":[],"has_more":true}' }, 'invalid_data', /does not advance/],
  ['nesting without end', { trouble: 'malformed', text: '['.repeat(200_000) }, 'invalid_data', /JSON/],
]) {
  test(`${what} ends the run as failed, deletes nothing and shows no key`, async (t) => {
    const { sandbox, sync, records, host, key, integration } = await stripeStory(t,
      { counts: { customer: 150, price: 5 }, env: { TOMADA_JOBS_ATTEMPTS_MAX: '1' } });
    assert.equal((await sync('full')).status, 'completed');
    sandbox.when = ({ path, query }) => (path === '/v1/customers' && query.has('starting_after') ? trouble : undefined);
    assert.equal((await sync('full')).status, 'failed');
    const { error } = await lastSync(host, key, integration);
    assert.equal(error.code, code);
    assert.match(error.message, words);
    for (const text of [error.message, host.log]) assert.ok(!/sandbox0001/.test(text), 'no part of a key');
    assertSame(sandbox, await records(), ['customer', 'price']);
  });
}

test('a connected account is asked for by its header', async (t) => {
  const { sandbox, sync, host, key, integration } = await stripeStory(t,
    { counts: { customer: 3 }, config: { account: 'acct_1032D82eZvKYlo2C' }, accounts: ['acct_1032D82eZvKYlo2C'] });
  assert.equal((await sync('full')).status, 'completed');
  assert.ok(sandbox.requests.every(({ headers }) => headers['stripe-account'] === 'acct_1032D82eZvKYlo2C'));
  sandbox.accounts.length = 0;
  const tested = await host.api('POST', `/v1/integrations/${integration}/test`, { key });
  assert.equal(tested.body.ok, false);
  assert.match(JSON.stringify(tested.body), /config\.account/);
});
