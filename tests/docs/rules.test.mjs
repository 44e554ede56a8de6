// sdk-docs/rules.md and the code speak of the same rules.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { files, read } from '../tidy/tree.mjs';

const RULE = /\b[PCK]\d\d\b/g;
const none = (found, what) => assert.deepEqual(found, [], `${what}:\n  ${found.join('\n  ')}`);
const listed = [...read('sdk-docs/rules.md').matchAll(/^\| ([PCK]\d\d) \|/gm)].map(([, rule]) => rule);
// A rule of the code stands in a text: "P04", "C05: …".
const used = new Set(files.filter(({ name }) => /^host\/.*\.cpp$/.test(name)).flatMap(({ text }) => [...text.matchAll(/"([PCK]\d\d)(?=[":])/g)].map(([, rule]) => rule)));

test('each rule that the host names is in rules.md, and the other way round', () => {
  assert.ok(used.size > 40, 'the rules of the code are not found');
  none([...used].filter((rule) => !listed.includes(rule)), 'not in rules.md');
  none(listed.filter((rule) => !used.has(rule)), 'named by no code');
});

test('the numbers of each section go up by one, and each row is whole', () => {
  for (const letter of 'PCK') {
    const numbers = listed.filter((rule) => rule.startsWith(letter)).map((rule) => Number(rule.slice(1)));
    assert.deepEqual(numbers, numbers.map((_, index) => index + 1), letter);
  }
  const wrong = [];
  let columns = 0;
  for (const line of read('sdk-docs/rules.md').split('\n').filter((one) => one.startsWith('|'))) {
    const cells = line.split(/(?<!\\)\|/).length;
    if (line.startsWith('| Rule |') || line.startsWith('| When |')) columns = cells;
    if (cells !== columns) wrong.push(line.slice(0, 60));
  }
  none(wrong, 'rows with other columns than their head');
});

test('pages, sources and tests speak of rules that there are', () => {
  const wrong = [];
  for (const { name, text } of files.filter((file) => /\.(md|cpp|hpp|h|mjs)$/.test(file.name) && /^(host|sdk-docs|plugin-api|plugins)\//.test(file.name))) {
    for (const [rule] of text.matchAll(RULE)) {
      if (!listed.includes(rule) && rule !== 'C17') wrong.push(`${name}: ${rule}`);  // C17 is a version of the language
    }
  }
  none(wrong, 'rules that are not there');
});
