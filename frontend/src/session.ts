// Signing in and out over HTTP. The session is a cookie that scripts cannot read; here are only the questions about it.
const SESSION = "/api/v1/session";
const CHANGE = { "X-Ctiroute": "1", "Content-Type": "application/json" }; // another site's form cannot set this header

export type SignIn =
  | { readonly kind: "ok" }
  | { readonly kind: "wrong" }
  | { readonly kind: "throttled"; readonly seconds: number }
  | { readonly kind: "unreachable" }
  | { readonly kind: "failed"; readonly status: number };

/** Whether the service knows us; "unclear" when it does not answer. */
export async function signedIn(): Promise<"yes" | "no" | "unclear"> {
  try {
    const answer = await fetch(SESSION, { headers: { Accept: "application/json" }, cache: "no-store" });
    if (answer.ok) return "yes";
    return answer.status === 401 || answer.status === 403 ? "no" : "unclear";
  } catch {
    return "unclear";
  }
}

export async function signIn(operator: string, password: string): Promise<SignIn> {
  return post(SESSION, { operator, password });
}

/** Sign in with a one-time ticket. */
export async function redeem(ticket: string): Promise<SignIn> {
  return post(`${SESSION}/ticket`, { ticket });
}

export async function signOut(): Promise<void> {
  try {
    await fetch(SESSION, { method: "DELETE", headers: CHANGE });
  } catch {
    // The page forgets everything either way; the service ends the session by its age.
  }
}

/** Take the ticket out of the address: it must not stay in the history, in a bookmark or on somebody's photograph of the screen. */
export function takeTicket(): string | null {
  const ticket = new URLSearchParams(location.hash.slice(1)).get("ticket");
  if (ticket !== null) history.replaceState(null, "", location.pathname + location.search);
  return ticket;
}

async function post(url: string, body: unknown): Promise<SignIn> {
  let answer: Response;
  try {
    answer = await fetch(url, { method: "POST", headers: CHANGE, body: JSON.stringify(body) });
  } catch {
    return { kind: "unreachable" };
  }
  if (answer.ok) return { kind: "ok" };
  if (answer.status === 429) return { kind: "throttled", seconds: Number(answer.headers.get("Retry-After")) || 60 };
  return answer.status === 401 ? { kind: "wrong" } : { kind: "failed", status: answer.status };
}
