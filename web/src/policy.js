// Nothing is read as HTML: what a library hands to the browser as HTML is shown as text. Imported before the libraries.
const MARKS = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
window.trustedTypes?.createPolicy('default', { createHTML: (text) => text.replace(/[&<>]/g, (mark) => MARKS[mark]) });
