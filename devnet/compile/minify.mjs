// Makes AIR short: a script travels with every particle, and two thirds of what the compiler writes are white space and
// names. Spaces go where the interpreter's lexer does not need them, and variables get the shortest names, the most used
// first. Everything else stays as it is: instructions, literals, lenses, `:error:` and its siblings.
//
// One name stands for one variable in the whole script, before and after, so no scope can change: two variables are the
// same afterwards if and only if they were before. The kinds of variables (scalars and iterators, `$` streams, `%` maps,
// `#` canonical ones) have names of their own, so the letters are used for each kind. A script that is short already stays
// as it is.

const KEYWORDS = new Set(
  "ap call canon fail fold match mismatch never new next null par seq xor true false".split(" "),
);
// What the interpreter defines, with a lens or without.
const DEFINED = /^(%init_peer_id%|%last_error%|%timestamp%|%ttl%|:error:)(?=\.|$)/;
const NUMBER = /^[+-]?\d+(\.\d*)?$/;
const VARIABLE = /^(#[$%]?|[$%]?)([\p{Alphabetic}\p{N}_-]+)((?:\.[^!]*)?!?)$/u;
// A scalar that says which element of a list or which field is meant: `list.$.[index]`.
const INDEX = /\[([^\]]*)\]/g;
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const SIGNS = `${LETTERS}0123456789_`;

export function minify(air) {
  const tokens = tokenize(air);
  const names = shortNames(tokens);
  let text = "";
  let word = false;
  for (const token of tokens) {
    // Brackets and literals end by themselves, and a word ends where a bracket closes.
    if (word && token !== ")" && token !== "]") text += " ";
    word = isWord(token);
    text += word ? renamed(token, names) : token;
  }
  return text;
}

// Literals, brackets and words; a word keeps the brackets of its lens. Comments are left out.
function tokenize(air) {
  const tokens = [];
  const pattern = /\s+|;[^\n]*|("[^"]*")|([()[\]])|((?:[^\s()[\]";]|\[[^\s()[\]"]*\])+)/y;
  while (pattern.lastIndex < air.length) {
    const at = pattern.lastIndex;
    const match = pattern.exec(air);
    if (!match) throw new Error(`this is no AIR: ${air.slice(at, at + 40)}`);
    const token = match[1] ?? match[2] ?? match[3];
    if (token) tokens.push(token);
  }
  return tokens;
}

function isWord(token) {
  return !'()[]"'.includes(token[0]);
}

// [the name with its kind, its lens] of a variable; undefined for every other word.
function variable(word) {
  if (KEYWORDS.has(word) || NUMBER.test(word) || DEFINED.test(word)) return undefined;
  const match = VARIABLE.exec(word);
  if (!match) throw new Error(`\`${word}\` is no word of AIR that can be shortened`);
  const [, kind, name, lens] = match;
  return [kind + name, lens];
}

function lensOf(word) {
  const [defined] = DEFINED.exec(word) ?? [];
  return defined === undefined ? variable(word)?.[1] ?? "" : word.slice(defined.length);
}

function indices(lens) {
  return [...lens.matchAll(INDEX)].map(([, index]) => index).filter((index) => !NUMBER.test(index));
}

function shortNames(tokens) {
  const uses = new Map();
  const viewed = new Set();
  const use = (name) => uses.set(name, (uses.get(name) ?? 0) + 1);
  for (const word of tokens.filter(isWord)) {
    const [name, lens] = variable(word) ?? [];
    if (name !== undefined) use(name);
    if (lens) viewed.add(name);
    indices(lensOf(word)).forEach(use);
  }
  const names = new Map();
  const taken = new Set(KEYWORDS);
  // Sorting is stable: of two that are used as often the first comes first, and so again in what comes out.
  for (const [name] of [...uses].sort(([, a], [, b]) => b - a)) {
    const kind = /^[$%#]*/.exec(name)[0];
    // The interpreter reads `#a.length` as a name without letters.
    let count = kind.length === 1 && viewed.has(name) ? LETTERS.length : 0;
    while (taken.has(kind + shortName(count))) count++;
    taken.add(kind + shortName(count));
    names.set(name, kind + shortName(count));
  }
  return names;
}

// The name number `count`, a letter and then letters, digits or underscores: a, b … Z, aa, ab …
function shortName(count) {
  if (count < LETTERS.length) return LETTERS[count];
  const rest = count - LETTERS.length;
  return shortName(Math.floor(rest / SIGNS.length)) + SIGNS[rest % SIGNS.length];
}

function renamed(word, names) {
  const [name] = variable(word) ?? [];
  const lens = lensOf(word).replace(INDEX, (all, index) => (names.has(index) ? `[${names.get(index)}]` : all));
  if (name !== undefined) return names.get(name) + lens;
  const [defined] = DEFINED.exec(word) ?? [word];
  return defined === word ? word : defined + lens;
}
