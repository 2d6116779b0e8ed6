// Asking the server: every answer is JSON; what is not taken comes back as words.
import { language } from './speech.js';

export class Problem extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

async function answered(promise) {
  let response;
  try {
    response = await promise;
  } catch {
    throw new Problem(0, '');
  }
  const content = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, content.texts?.[language()] ?? content.problem ?? response.statusText);
  return content;
}

export const read = (path) => answered(fetch(path));
export const send = (path, body = {}) => answered(fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }));
