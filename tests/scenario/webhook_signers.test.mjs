// Events signed by the providers' own packages come in over HTTP: accepted once, in effect as records, refused when a byte
// of them is another.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

import { sign as signGithub, verify as verifyGithub } from '@octokit/webhooks-methods';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import Stripe from 'stripe';
import { Webhook as SvixWebhook } from 'svix';

import { kinds } from '../sandbox/stripe_server.mjs';
import { signature } from '../sandbox/stripe_webhooks.mjs';
import { assertSame, stripeStory, webhook_secret } from './stripe_support.mjs';
import { acme, allRecords, request, tenant, until } from './support.mjs';

const MINUTE_S = 60;
const now = () => Math.floor(Date.now() / 1000);
const whsec = `whsec_${Buffer.from('twenty-four bytes or more of it').toString('base64')}`;

// Each: the plugin's configuration, and the headers that its package makes for `body` as sent at `time`. `verify` is the
// package's own judgement, so that a mistake in here does not pass for one of the host's.
const signers = {
  '@octokit/webhooks-methods': {
    config: { preset: 'github' }, secret: 'It is a secret to everybody', is_timed: false,
    async sign(body, id, _time, secret) {
      const signed = await signGithub(secret, body);
      assert.ok(await verifyGithub(secret, body, signed));
      return { 'x-github-event': 'ping', 'x-github-delivery': id, 'x-hub-signature-256': signed };
    },
  },
  standardwebhooks: {
    config: { preset: 'standard-webhooks' }, secret: whsec, is_timed: true,
    async sign(body, id, time, secret) {
      const signed = new StandardWebhook(secret).sign(id, new Date(time * 1000), body);
      return { 'webhook-id': id, 'webhook-timestamp': String(time), 'webhook-signature': signed };
    },
    verify: (body, headers) => new StandardWebhook(whsec).verify(body, headers),
  },
  svix: {
    config: { preset: 'standard-webhooks' }, secret: whsec, is_timed: true,
    async sign(body, id, time, secret) {
      const signed = new SvixWebhook(secret).sign(id, new Date(time * 1000), body);
      return { 'svix-id': id, 'svix-timestamp': String(time), 'svix-signature': signed };
    },
    verify: (body, headers) => new SvixWebhook(whsec).verify(body, headers),
  },
};

const post = (url, body, headers) => request(url, { method: 'POST', body, headers });

async function connectWebhook(host, key, { config, secret }) {
  const { status, body } = await host.api('POST', '/v1/integrations', {
    key, body: { provider: 'webhook', name: 'a sender', config, credentials: { webhook_secret: secret } },
  });
  assert.equal(status, 201, JSON.stringify(body));
  return body.id;
}

const recordOf = (host, key, integration, id) => until(`the record ${id}`, async () =>
  (await allRecords(host, key, integration)).find(({ external_id }) => external_id === id));

async function accepted(url, body, headers) {
  const answer = await post(url, body, headers);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  assert.equal(answer.body.success, true);
  assert.match(answer.body.id, /^[0-9a-f]{16}$/);
  return answer.body.id;
}

async function refused(url, body, headers, what) {
  const answer = await post(url, body, headers);
  assert.equal(answer.status, 401, `${what}: ${JSON.stringify(answer.body)}`);
}

for (const [name, { config, secret, is_timed, sign, verify }] of Object.entries(signers)) {
  test(`what ${name} signs is accepted once, and nothing else is`, async (t) => {
    const { host } = await acme(t);
    const other = await tenant(host, 'signers', ['webhook']);
    const integration = await connectWebhook(host, other, { config, secret: `${secret}\n${secret.slice(0, -4)}Zm9v` });
    const url = `${host.url}/webhooks/${integration}`;
    // Text that a careless reader would change: spaces, line ends, other scripts, a number of many digits.
    const body = '{"type":"thing.made",\r\n  "data": {"id": "thing_1",  "name":"Grażyna 日本 \\u00e9",  "n": 12345678901234567890.10}}\n';
    const id = randomUUID();
    const headers = await sign(body, id, now(), secret);
    verify?.(body, headers);

    const first = await accepted(url, body, headers);
    const record = await recordOf(host, other, integration, id);
    assert.equal(record.data.type, is_timed ? 'thing.made' : 'ping');
    assert.equal(record.data.body.data.name, 'Grażyna 日本 é');
    assert.equal(await accepted(url, body, headers), first, 'the same again');
    assert.equal(await accepted(url, body, await sign(body, id, now() + (is_timed ? 1 : 0), secret)), first, 'sent again by its sender');
    const rolled = randomUUID();
    await accepted(url, body, await sign(body, rolled, now(), `${secret.slice(0, -4)}Zm9v`));
    await recordOf(host, other, integration, rolled);

    const fresh = randomUUID();
    const good = await sign(body, fresh, now(), secret);
    const signed = Object.keys(good).find((header) => header.includes('signature'));
    const flipped = good[signed].replace(/.(.{5})$/, (all, tail) => (all[0] === 'a' ? 'b' : 'a') + tail);
    await refused(url, body.replace('thing_1', 'thing_2'), good, 'another body');
    await refused(url, `${body} `, good, 'a byte more');
    await refused(url, '', good, 'no body');
    await refused(url, body, { ...good, [signed]: flipped }, 'another signature');
    await refused(url, body, { ...good, [signed]: '' }, 'an empty signature');
    const { [signed]: _, ...without } = good;
    await refused(url, body, without, 'no signature');
    await refused(url, body, await sign(body, fresh, now(), `${secret.slice(0, -4)}YmFy`), 'another secret');
    if (is_timed) {
      const id_header = Object.keys(good).find((header) => header.endsWith('-id'));
      await refused(url, body, { ...good, [id_header]: randomUUID() }, 'another id');
      for (const minutes of [-6, 6]) await refused(url, body, await sign(body, fresh, now() + minutes * MINUTE_S, secret), `${minutes} minutes off`);
    }
    const records = await allRecords(host, other, integration);
    assert.deepEqual(records.map(({ external_id }) => external_id).sort(), [id, rolled].sort());
    assert.ok(records.every(({ version }) => version === 1));
    assert.ok(!host.log.includes(secret), 'the log shows no secret');
  });
}

test("what Stripe's package signs changes the records of its objects", async (t) => {
  const { sandbox, host, key, integration, sync, records } = await stripeStory(t,
    { counts: { customer: 40, product: 10, price: 10, subscription: 20, invoice: 20, payment_intent: 20, charge: 20, refund: 10 } });
  assert.equal((await sync('full')).status, 'completed');
  const url = `${host.url}/webhooks/${integration}`;
  const sender = sandbox.deliverTo(url, { secret: webhook_secret });
  for (let i = 0; i < 120; ++i) sandbox.changeSomething();
  await sandbox.delivered();
  assert.ok(sender.deliveries.every(({ status }) => status === 200), JSON.stringify(sender.deliveries.find(({ status }) => status !== 200)));
  assert.equal(new Set(sender.deliveries.map(({ body }) => JSON.parse(body).id)).size, sandbox.objects('event').size);
  // Not by kind yet: what changes while the pages are read stands in two of them.
  await until('every event to be a record', async () => {
    const seen = new Set((await allRecords(host, key, integration)).map(({ external_id }) => external_id));
    return [...sandbox.objects('event').keys()].every((id) => seen.has(id)) ? true : undefined;
  });
  const known = await records();
  // Four deliveries are under way at once, so that two of one second may overtake each other; a sync by events settles it.
  // (New refunds come by that sync alone.)
  assert.equal((await sync('incremental')).status, 'completed');
  assertSame(sandbox, await records(), Object.keys(kinds));
  assert.ok(known.customer.size > 40, 'a new customer came by webhook alone');
  assert.ok([...known.customer.values()].some(({ deleted }) => deleted), 'and a deletion');

  const [{ event }] = sender.deliveries;
  const payload = JSON.stringify(event);
  const header = signature(payload, webhook_secret);
  new Stripe('sk_test_x').webhooks.constructEvent(payload, header, webhook_secret);
  const known_id = JSON.parse(sender.deliveries[0].body).id;
  assert.equal(await accepted(url, payload, { 'stripe-signature': header }), known_id, 'the same event again');
  const rolling = `${signature(payload, 'whsec_the_new_one')},${header.slice(header.indexOf('v1='))}`;
  assert.equal(await accepted(url, payload, { 'stripe-signature': rolling }), known_id, 'one of two signatures is enough');

  await refused(url, payload.replace('"livemode":false', '"livemode":true'), { 'stripe-signature': header }, 'another body');
  await refused(url, payload, { 'stripe-signature': header.replace(/^t=(\d+)/, (_, time) => `t=${Number(time) + 1}`) }, 'another time');
  await refused(url, payload, { 'stripe-signature': header.replace('v1=', 'v0=') }, 'another scheme');
  await refused(url, payload, { 'stripe-signature': signature(payload, 'whsec_of_somebody_else') }, 'another secret');
  await refused(url, payload, { 'stripe-signature': signature(payload, webhook_secret, now() - 6 * MINUTE_S) }, 'too old');
  await refused(url, payload, {}, 'no signature');
  const unknown = await post(`${host.url}/webhooks/${randomUUID()}`, payload, { 'stripe-signature': header });
  assert.equal(unknown.status, 404);
  for (const text of [webhook_secret, sandbox.api_key]) assert.ok(!host.log.includes(text), 'the log shows no secret');
});

test('a thin event is kept, fails for good and says why', async (t) => {
  const { host, key, integration } = await stripeStory(t, { counts: {} });
  const payload = JSON.stringify({ id: 'evt_thin_1', object: 'v2.core.event', type: 'v1.billing.meter.no_meter_found', created: '2026-01-10T15:30:00.000Z' });
  const id = await accepted(`${host.url}/webhooks/${integration}`, payload, { 'stripe-signature': signature(payload, webhook_secret) });
  const event = await until('the event to fail', async () => {
    const { body } = await host.api('GET', `/v1/integrations/${integration}/webhooks/logs/${id}`, { key });
    return body.processing_status === 'failed' || body.status === 'failed' ? body : undefined;
  });
  assert.match(JSON.stringify(event), /snapshot events/);
  assert.equal((await allRecords(host, key, integration)).length, 0);
});
