// Gives what a wasm module imports and exports short names, in it and in the script of wasm-bindgen that goes with it:
// the ones it has end in hashes, which no compression makes smaller.

/** The module and its script, with short names for each other. */
export function shortNames(wasm, script) {
  const module = new WebAssembly.Module(wasm);
  const names = (list) => new Map([...new Set(list.map(({ name }) => name))].map((name, at) => [name, `_${at.toString(36)}`]));
  const imports = names(WebAssembly.Module.imports(module));
  const exports = names(WebAssembly.Module.exports(module));
  const renamed = new Set();
  const rename = (map) => (whole, before, name) => {
    if (!map.has(name)) return whole;
    renamed.add(map.get(name) + before.trim());
    return before + map.get(name);
  };
  // As wasm-bindgen writes them: `wasm.name`, and a table of functions by name.
  const shortened = script.replace(/(\bwasm\.)(\w+)/g, rename(exports)).replace(/^( +)(\w+)(?=: (?:function|\())/gm, rename(imports));
  for (const name of imports.keys()) {
    if (!renamed.has(imports.get(name))) throw new Error(`wasm-bindgen's script has no function ${name} where one was expected`);
  }
  return { wasm: rewrite(wasm, imports, exports), script: shortened };
}

/** The module with other names in its sections of imports (2) and exports (7); see the binary format of WebAssembly. */
function rewrite(wasm, imports, exports) {
  const out = [wasm.subarray(0, 8)];
  for (let at = 8; at < wasm.length; ) {
    const id = wasm[at];
    const size = number(wasm, at + 1);
    const content = wasm.subarray(size.end, size.end + size.value);
    const changed = id === 2 ? importSection(content, imports) : id === 7 ? exportSection(content, exports) : content;
    out.push(Buffer.from([id]), leb(changed.length), changed);
    at = size.end + size.value;
  }
  return Buffer.concat(out);
}

function importSection(content, names) {
  const count = number(content, 0);
  const out = [leb(count.value)];
  let at = count.end;
  for (let left = count.value; left > 0; left -= 1) {
    const module = text(content, at);
    const name = text(content, module.end);
    const end = endOfImport(content, name.end);
    out.push(content.subarray(at, module.end), named(names.get(name.value)), content.subarray(name.end, end));
    at = end;
  }
  return Buffer.concat(out);
}

function exportSection(content, names) {
  const count = number(content, 0);
  const out = [leb(count.value)];
  let at = count.end;
  for (let left = count.value; left > 0; left -= 1) {
    const name = text(content, at);
    const end = number(content, name.end + 1).end;
    out.push(named(names.get(name.value)), content.subarray(name.end, end));
    at = end;
  }
  return Buffer.concat(out);
}

/** Where the description of an import ends: of a function, which is all that wasm-bindgen imports. */
function endOfImport(content, at) {
  if (content[at] !== 0) throw new Error(`an import of kind ${content[at]}`);
  return number(content, at + 1).end;
}

function text(bytes, at) {
  const length = number(bytes, at);
  const end = length.end + length.value;
  return { value: bytes.toString('utf8', length.end, end), end };
}

function named(name) {
  return Buffer.concat([leb(name.length), Buffer.from(name)]);
}

/** Reads an unsigned LEB128. */
function number(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return { value, end: at };
  }
}

/** Writes an unsigned LEB128. */
function leb(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  bytes.push(value);
  return Buffer.from(bytes);
}
