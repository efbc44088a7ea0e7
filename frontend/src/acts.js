/** Tells the server what only the browser knows to have been done; the audit trail keeps it. */
import { sendJson } from './api.js';

/** @param act `print`, `picture` or `video` */
export const tellAct = (studyUid, act) =>
  sendJson('POST', `/api/studies/${studyUid}/acts/`, { act }, { keepalive: true });
