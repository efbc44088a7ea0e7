/** Requests to the portal's own API, as JSON. */
import { RequestError } from './dicomweb.js';

const { csrfToken } = document.body.dataset;

export const getJson = (path, signal) => request(path, { signal });

/** @returns the answer, undefined where it has no body */
export const sendJson = (method, path, body, options = {}) =>
  request(path, {
    method,
    headers: { 'Content-Type': 'application/json', 'X-CSRFToken': csrfToken },
    body: body === undefined ? undefined : JSON.stringify(body),
    ...options,
  });

/** @throws {RequestError} with the status and, where the server says why, its answer as `detail` */
async function request(path, { headers = {}, ...options }) {
  const response = await fetch(path, { headers: { Accept: 'application/json', ...headers }, ...options })
    .catch((error) => {
      if (error.name === 'AbortError') throw error;
      throw new RequestError(0);
    });
  const isJson = response.headers.get('Content-Type')?.startsWith('application/json');
  const answer = isJson && response.status !== 204 ? await response.json() : undefined;
  if (!response.ok) throw new RequestError(response.status, answer);
  return answer;
}
