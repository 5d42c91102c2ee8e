// A tiny harness: what is checked, and what came instead.
import assert from 'node:assert/strict'

let passed = 0
const failed = []

export async function check(name, act) {
  try {
    await act()
    passed += 1
  } catch (error) {
    failed.push(name)
    console.log(`not ok - ${name}\n    ${String(error.stack ?? error).split('\n').slice(0, 12).join('\n    ')}`)
  }
}

export function end() {
  console.log(`${passed} passed, ${failed.length} failed`)
  process.exit(failed.length === 0 ? 0 : 1)
}

/** The rows of an answer without an error. */
export function rows({ data, error, status }) {
  assert.equal(error, null, `status ${status}: ${JSON.stringify(error)}`)
  return data
}

/** The error of an answer that must have one. */
export function refused({ data, error }) {
  assert.notEqual(error, null, `there is no error, but ${JSON.stringify(data)}`)
  return error
}

export const same = assert.deepEqual
export const equal = assert.equal
export const ok = assert.ok
