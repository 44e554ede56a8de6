// sdk-docs/reference.md, made from the comments of plugin.h. Run by itself it writes the page:
//   tests/node_modules/node/bin/node tests/docs/reference.mjs
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { read_header, tags, without_tags } from './header.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const header_path = path.join(root, 'plugin-api/include/tomada/plugin.h');
export const page_path = path.join(root, 'sdk-docs/reference.md');

const flat = (text) => text.replace(/\s+/g, ' ').trim();
// What Markdown would take for a sign of its own.
const plain = (text) => flat(text).replaceAll('***', '`***`').replace(/(?<!`)\b(\w+->\w+(?:\(\))?|TOMADA_\w+|tomada_\w+)(?!`)/g, '`$1`');
const cell = (text) => plain(text).replaceAll('|', '\\|');
const sentence = (text) => text[0].toUpperCase() + text.slice(1) + (text.endsWith('.') ? '' : '.');
const anchor = (title) => title.toLowerCase().replace(/[^a-z0-9 _-]/g, '').replaceAll(' ', '-');

// "TOMADA_E_X: why. TOMADA_E_Y, TOMADA_E_Z: why." of a function's comment, apart from the rest of it.
function split_outcomes(doc) {
  const outcomes = [];
  const rest = flat(doc).replace(/(TOMADA_(?:E_[A-Z_]+|OK)(?:, TOMADA_E_[A-Z_]+)*): (.+?)\.(?=\s|$)/g, (_, statuses, why) => {
    outcomes.push([statuses, why]);
    return '';
  });
  return { rest: flat(rest), outcomes };
}

function signature(code) {
  if (code.length <= 110) return code;
  const open = code.indexOf('(', code.indexOf('(*') + 2);
  const indent = ' '.repeat(open + 1);
  const lines = [''];
  for (const argument of code.slice(open + 1).split(', ')) {
    if (lines.at(-1) !== '' && open + 1 + lines.at(-1).length + argument.length > 105) lines.push('');
    lines[lines.length - 1] += (lines.at(-1) === '' ? '' : ', ') + argument;
  }
  return code.slice(0, open + 1) + lines.map((line, index) => (index === 0 ? '' : indent) + line).join(',\n');
}

function of_functions(title, functions, out) {
  const { rest, outcomes } = split_outcomes(without_tags(functions[0].doc));
  out.push(`### ${title}`, '', '```c', ...functions.map(({ code }) => signature(code)), '```', '', plain(rest), '');
  for (const [statuses, why] of outcomes) out.push(`- ${statuses.split(', ').map((one) => `\`${one}\``).join(', ')}: ${plain(why)}`);
  if (outcomes.length > 0) out.push('');
  out.push(`Where: ${tags(functions[0].doc).map((tag) => `\`${tag}\``).join(' ')}`, '');
}

function of_struct(struct, short_name, out) {
  const fields = struct.members.filter(({ kind }) => kind === 'field');
  const functions = struct.members.filter(({ kind }) => kind === 'function');
  out.push(`### ${struct.name}`, '', plain(struct.doc), '');
  out.push('| Field | Type | |', '|---|---|---|');
  for (const { name, type, doc } of fields) out.push(`| \`${name}\` | \`${type}\` | ${cell(doc)} |`);
  out.push('');
  for (let at = 0; at < functions.length;) {
    let end = at + 1;  // functions that follow one comment together
    while (end < functions.length && functions[end].doc === functions[at].doc) ++end;
    const group = functions.slice(at, end);
    of_functions(short_name + group.map(({ name }) => name).join(', '), group, out);
    at = end;
  }
}

function of_macros(macros, out) {
  for (const text of new Set(macros.map(({ group }) => group).filter(Boolean))) out.push(plain(text), '');
  out.push('| Name | Value | |', '|---|---|---|');
  let last = '';
  for (const { name, value, doc } of macros) {
    out.push(`| \`${name}\` | ${value === '' ? '' : `\`${value.replaceAll('|', '\\|')}\``} | ${doc === last ? '' : cell(doc)} |`);
    last = doc;
  }
  out.push('');
}

function of_section({ title, items }, out) {
  out.push(`## ${title}`, '');
  const service = /^Service: (\w+)$/.exec(title)?.[1];
  for (let at = 0; at < items.length; ++at) {
    const item = items[at];
    if (item.kind === 'struct') {
      of_struct(item, service ? `${service}->` : item.name === 'tomada_host' ? 'host->' : 'plugin->', out);
    } else if (item.kind === 'function') {
      of_functions(item.name, [item], out);
    } else if (item.kind === 'type') {
      out.push(`### ${item.name}`, '', '```c', item.code, '```', '', sentence(plain(item.doc)), '');
    } else {
      const macros = [];
      for (; items[at]?.kind === 'macro'; ++at) macros.push(items[at]);
      --at;
      of_macros(macros, out);
    }
  }
}

// The preface: paragraphs, then two lists in columns, "Name   text" and "[tag]   text".
function of_preface(preface, out) {
  const [rules, tag_list] = preface.split(/^TAGS on functions/m);
  const [, rule_list] = rules.split('RULES THAT HOLD EVERYWHERE');
  const lists = (text, first) => {
    const entries = [];
    for (const line of text.trim().split('\n')) {
      const begin = first.exec(line);
      if (begin) entries.push([begin[1], begin[2]]);
      else if (entries.length > 0) entries.at(-1)[1] += ` ${line.trim()}`;
    }
    return entries;
  };
  out.push('## Rules that hold everywhere', '');
  for (const [name, text] of lists(rule_list, /^([A-Z][a-z]+) {2,}(.*)$/)) out.push(`- **${name}** ${plain(text)}`);
  out.push('', `## Tags`, '', `On functions${flat(/^([^\n]*)/.exec(tag_list)[1])}`, '');
  for (const [name, text] of lists(tag_list.replace(/^[^\n]*/, ''), /^(\[[a-z-]+\])\s+(.*)$/)) out.push(`- \`${name}\` ${plain(text)}`);
  out.push('');
}

export function make_reference(header) {
  const out = [
    '<!-- Made from plugin-api/include/tomada/plugin.h by tests/docs/reference.mjs: change the comments there. -->',
    '# Reference of `tomada/plugin.h`', '',
    'Every macro, type, struct and function of the C interface, ABI major 1, draft 0. The C++ glue over it',
    '([tomada/plugin.hpp](../plugin-api/cpp/tomada/plugin.hpp)) has the same words; the rules by number are in [rules.md](rules.md).', '',
    ['Rules that hold everywhere', 'Tags', ...header.sections.map(({ title }) => title)]
      .map((title) => `[${title}](#${anchor(title)})`).join(' · '), '',
  ];
  of_preface(header.preface, out);
  for (const section of header.sections) of_section(section, out);
  return `${out.join('\n').replace(/[ ]+$/gm, '').replace(/\n{3,}/g, '\n\n').trim()}\n`;
}

export const the_header = () => read_header(fs.readFileSync(header_path, 'utf8'));

if (process.argv[1] === fileURLToPath(import.meta.url)) fs.writeFileSync(page_path, make_reference(the_header()));
