// SIGTERM in the middle of a sync: the host stops cleanly, and after the next start the run goes on where it was.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FakeProvider, acme, allRecords, connect, signal, startSync, syncEnd, within } from './support.mjs';

for (const name of ['SIGTERM', 'SIGINT']) {
  test(`${name} in a sync stops with code 0, and the run goes on after the restart`, async (t) => {
    const provider = await FakeProvider.start({ count: 100, page_size: 10 });
    t.after(() => provider.stop());
    const { host, key } = await acme(t, { provider });
    const id = await connect(host, key, provider);
    const asked = signal();
    // The fifth page never comes: the host stops while the plugin waits for it.
    provider.when = (request, index) => {
      if (index !== 4) return undefined;
      asked.raise();
      return 'silence';
    };
    await startSync(host, key, id);
    await within(asked.raised, 'the fifth page');
    assert.equal(await host.stop(name), 0);

    await host.launch();
    assert.equal((await syncEnd(host, key, id)).status, 'completed');
    const first_pages = provider.requests.filter(({ query }) => !query.get('cursor')).length;
    assert.equal(first_pages, 1, 'it did not start again from the first page');
    const records = await allRecords(host, key, id);
    assert.equal(records.length, 100);
    assert.ok(records.every(({ version }) => version === 1));
  });
}
