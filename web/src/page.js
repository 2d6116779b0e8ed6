// Building blocks of the page: elements, tables, choices. Texts are always text nodes: nothing from a result is HTML.

const SAFE_LINK = /^(#|https?:)/i; // a link from a result leads to this page or a site, and runs nothing

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false || (name === 'href' && !SAFE_LINK.test(value))) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'class') element.className = value;
    else if (name === 'value' || name === 'checked' || name === 'selected') element[name] = value;
    else if (name === 'style') Object.assign(element.style, value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function section(id, title, ...children) {
  return h('section', { id, 'aria-labelledby': `${id}-title` }, h('h2', { id: `${id}-title` }, title), ...children);
}

// columns: [{title, number}], rows: lists of cells (text or elements); the first cell of a row is its heading.
export function table(caption, columns, rows, more = {}) {
  const head = columns.map((column) => h('th', { scope: 'col', class: column.number ? 'number' : null }, column.title));
  const body = rows.map((row) =>
    h('tr', row.attributes || {}, (row.cells || row).map((cell, at) =>
      at === 0
        ? h('th', { scope: 'row' }, cell)
        : h('td', { class: columns[at] && columns[at].number ? 'number' : null, 'data-label': /reasons|decide/.test(more.class) ? columns[at].title : null }, cell))));
  return h('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': caption },
    h('table', more, h('caption', { class: more.shown ? null : 'unseen' }, caption), h('thead', {}, h('tr', {}, head)), h('tbody', {}, body)));
}

export function choice(label, options, chosen, change, id) {
  const select = h('select', { id, onchange: (event) => change(event.target.value) },
    options.map(([value, text]) => h('option', { value, selected: String(value) === String(chosen) }, text)));
  select.value = String(chosen);
  return h('div', { class: 'choice' }, h('label', { for: id }, label), select);
}

export function more(summary, ...children) {
  return h('details', {}, h('summary', {}, summary), ...children);
}
