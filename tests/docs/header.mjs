// plugin.h taken apart: sections with their macros, types, structs and functions, each with its comment. It reads the one style
// that the header is written in (one declaration to a line, or up to its semicolon), not C.

const words = (lines) => lines.map((line) => line.replace(/^\s*\/?\*+\/? ?/, '').replace(/\s*\*\/\s*$/, '').trim()).join('\n').trim();
const one_line = (text) => text.replace(/\s+/g, ' ').trim();

class Lines {
  constructor(text) {
    this.all = text.split('\n');
    this.at = 0;
  }
  next() { return this.all[this.at++]; }
  get done() { return this.at >= this.all.length; }
  // From `first` on, up to and including the line that satisfies `is_last`.
  until(first, is_last) {
    const lines = [first];
    while (!is_last(lines.at(-1)) && !this.done) lines.push(this.next());
    return lines;
  }
}

// "code /* comment" and what follows of the comment -> [code, comment or '']
function split_trailing(line, lines) {
  const at = line.indexOf('/*');
  if (at < 0) return [line.trim(), ''];
  const comment = lines.until(line.slice(at), (text) => text.includes('*/'));
  return [line.slice(0, at).trim(), one_line(words(comment))];
}

// One declaration up to its semicolon; a comment may follow it.
function read_declaration(first, lines) {
  let [code, comment] = split_trailing(first, lines);
  while (!code.endsWith(';') && !lines.done) {
    const [more, said] = split_trailing(lines.next(), lines);
    code += ` ${more}`;
    comment ||= said;
  }
  return { code: one_line(code), comment };
}

function read_member({ code, comment }, shared) {
  const pointer = /^(.+?)\s?\(\*(\w+)\)\((.*)\);$/.exec(code);
  const doc = comment || shared;
  if (pointer) return { kind: 'function', name: pointer[2], code, doc, group: comment ? '' : shared };
  const [, type, name] = /^(.+?[\s*])(\w+);$/.exec(code);
  return { kind: 'field', name, type: type.trim(), doc: doc || { struct_size: 'bytes of this struct', reserved: '0' }[name] || '' };
}

function read_struct(name, doc, lines) {
  const struct = { kind: 'struct', name, doc, members: [] };
  let shared = '';
  for (let line = lines.next(); !line.startsWith('}'); line = lines.next()) {
    if (line.trim() === '') shared = '';
    else if (/^\s*\/\*/.test(line)) shared = words(lines.until(line, (text) => text.includes('*/')));
    else struct.members.push(read_member(read_declaration(line, lines), shared));
  }
  return struct;
}

/// { preface, sections: [{ title, items }] }; an item is a macro, type, struct or function with `name` and `doc`.
export function read_header(text) {
  const lines = new Lines(text);
  const preface = words(lines.until(lines.next(), (line) => line.includes('*/')));
  const sections = [{ title: 'Version', items: [] }];
  let doc = '';
  const add = (item) => sections.at(-1).items.push(item);
  while (!lines.done) {
    const line = lines.next();
    const section = /^\/\* -+ (.+?) -+ \*\/$/.exec(line);
    const struct = /^typedef struct (\w+) \{$/.exec(line);
    const macro = /^#define (\w+)(\([^)]*\))?\s*(.*)$/.exec(line);
    if (section) {
      sections.push({ title: section[1], items: [] });
      doc = '';
    } else if (line.startsWith('/*')) {
      doc = words(lines.until(line, (text) => text.includes('*/')));
    } else if (struct) {
      add(read_struct(struct[1], doc, lines));
    } else if (macro && macro[1] !== 'TOMADA_PLUGIN_H') {
      const [value, comment] = split_trailing(macro[3], lines);
      const known = sections.at(-1).items.find((item) => item.name === macro[1]);  // the #else of an #if
      if (!known) add({ kind: 'macro', name: macro[1] + (macro[2] ?? ''), value, doc: comment || doc, group: comment ? doc : '' });
    } else if (/^(typedef|TOMADA_EXPORT)/.test(line)) {
      const { code, comment } = read_declaration(line, lines);
      const name = /^typedef .*?(\w+);$/.exec(code)?.[1] ?? /(\w+)\(/.exec(code)[1];
      add({ kind: line.startsWith('typedef') ? 'type' : 'function', name, code: code.replace(/^TOMADA_EXPORT /, ''), doc: comment || doc });
    } else if (line.trim() === '') {
      doc = '';
    }
  }
  return { preface, sections };
}

const tag_of = /\[(any-thread|call|teardown|may-suspend|no-suspend)\]/g;
export const tags = (doc) => [...doc.matchAll(tag_of)].map(([tag]) => tag);
export const without_tags = (doc) => doc.replace(tag_of, '').replace(/[ ]+$/gm, '').trim();

/// Every name that the header gives to others: macros, types, fields and functions.
export function names(header) {
  const found = [];
  for (const item of header.sections.flatMap((section) => section.items)) {
    found.push(item.name.replace(/\(.*/, ''));
    for (const member of item.members ?? []) found.push(`${item.name}.${member.name}`);
  }
  return found;
}
