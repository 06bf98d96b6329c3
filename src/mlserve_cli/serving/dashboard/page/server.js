// Requests to the server, with the key that the user has given for this tab.

const KEY = "mlserve-api-key";
const TIMEOUT_MILLISECONDS = 8000;

export const hasKey = () => Boolean(sessionStorage.getItem(KEY));
export const keepKey = (key) => sessionStorage.setItem(KEY, key);
export const dropKey = () => sessionStorage.removeItem(KEY);

/** The answer, whatever its status; fails if there is none. */
export const ask = (path, options = {}, timeout = TIMEOUT_MILLISECONDS) => {
  const key = sessionStorage.getItem(KEY);
  const headers = { ...options.headers, ...(key ? { authorization: `Bearer ${key}` } : {}) };
  const signal = AbortSignal.timeout(timeout);
  return fetch(path, { ...options, headers, signal, cache: "no-store", redirect: "error" });
};
