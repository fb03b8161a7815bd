// The key of this device, if the person wants to be known again: kept by the browser, and never read by anybody.

/** What a device's key signs with; WebCrypto's name for it. */
export const DEVICE_ALGORITHM = "Ed25519";

const DATABASE = "conclave";
const STORE = "device";
const KEY = "key";

/** The key that was made before, if this device is to be remembered. Where the browser keeps nothing there is none. */
export async function recallDevice(): Promise<CryptoKeyPair | undefined> {
  try {
    const kept: unknown = await inStore("readonly", (store) => store.get(KEY));
    return isPair(kept) ? kept : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Makes a key and keeps it, unless there is one. Its secret half cannot be taken out of the browser, not by this page
 * either: it gives signatures only. Throws where the browser has no such keys or keeps nothing.
 */
export async function rememberDevice(): Promise<CryptoKeyPair> {
  const known = await recallDevice();
  if (known !== undefined) {
    return known;
  }
  const pair = (await crypto.subtle.generateKey(DEVICE_ALGORITHM, false, ["sign", "verify"])) as CryptoKeyPair;
  await inStore("readwrite", (store) => store.put(pair, KEY));
  return pair;
}

/** Forgets the key for good: the next one is another. */
export async function forgetDevice(): Promise<void> {
  await inStore("readwrite", (store) => store.delete(KEY));
}

/** One request to the store, done when its transaction is. */
function inStore<Result>(
  mode: IDBTransactionMode,
  ask: (store: IDBObjectStore) => IDBRequest<Result>,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const transaction = database.transaction(STORE, mode);
      const request = ask(transaction.objectStore(STORE));
      transaction.oncomplete = () => {
        database.close();
        resolve(request.result);
      };
      transaction.onabort = () => {
        database.close();
        reject(transaction.error);
      };
    };
  });
}

function isPair(value: unknown): value is CryptoKeyPair {
  return (
    typeof value === "object" &&
    value !== null &&
    "privateKey" in value &&
    value.privateKey instanceof CryptoKey &&
    "publicKey" in value &&
    value.publicKey instanceof CryptoKey
  );
}
