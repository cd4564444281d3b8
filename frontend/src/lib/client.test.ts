import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiProblem, fetchRecord, search, toProblem, upload } from "./client";
import { strings } from "./strings";
import { decode } from "./url";

function answerWith(body: string, status: number, headers: Record<string, string> = {}) {
  const fetching = vi.fn<(request: Request) => Promise<Response>>();
  fetching.mockImplementation(() => Promise.resolve(new Response(body, { status, headers })));
  vi.stubGlobal("fetch", fetching);
  return fetching;
}

async function problemOf(call: Promise<unknown>): Promise<ApiProblem> {
  const error: unknown = await call.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApiProblem)) throw new Error(`not a problem: ${String(error)}`);
  return error;
}

afterEach(() => vi.unstubAllGlobals());

describe("problems", () => {
  it("keep the server's words", async () => {
    const body = JSON.stringify({
      type: "/problems/unknown-version",
      title: "No such version",
      status: 404,
      detail: "Versions here: default.",
      request_id: "r-1",
    });
    answerWith(body, 404, { "content-type": "application/problem+json" });
    const problem = await problemOf(search(decode("?q=a&v=b"), new AbortController().signal));
    expect(problem).toMatchObject({
      title: "No such version",
      detail: "Versions here: default.",
      status: 404,
      slug: "unknown-version",
      requestId: "r-1",
    });
  });

  it("make do with a proxy's page", async () => {
    answerWith("<html>Bad gateway</html>", 502, { "x-request-id": "r-2" });
    const problem = await problemOf(fetchRecord("a"));
    expect(problem).toMatchObject({ status: 502, slug: "unknown", requestId: "r-2" });
    expect(problem.title).toBe(strings.problem.titleOf(502));
  });

  it("say when nobody answers", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
    const problem = await problemOf(fetchRecord("a"));
    expect(problem).toMatchObject({ status: 0, slug: "offline", title: strings.problem.offline });
  });

  it("are not made of a call given up", async () => {
    const aborted = new DOMException("stop", "AbortError");
    vi.stubGlobal("fetch", () => Promise.reject(aborted));
    await expect(fetchRecord("a")).rejects.toBe(aborted);
  });

  it.each([[null], ["text"], [{ title: 5, type: null }], [[]]])("survive %j", (body) => {
    expect(toProblem(500, body, null).title).toBe(strings.problem.titleOf(500));
  });
});

describe("requests", () => {
  it("carry the state and leave the weight out when it weighs nothing", async () => {
    const fetching = answerWith(JSON.stringify({ hits: [] }), 200, {
      "content-type": "application/json",
    });
    const never = new AbortController().signal;
    await search(decode("?q=red&v=tiny&w=0.9"), never);
    await search(decode("?q=red&like=i-1&w=0.9&n=12"), never);
    const asked = fetching.mock.calls.map(([request]) => new URL(request.url).searchParams);
    expect(Object.fromEntries(asked[0] ?? [])).toEqual({
      q: "red",
      embed_version: "tiny",
      limit: "60",
    });
    expect(Object.fromEntries(asked[1] ?? [])).toEqual({
      q: "red",
      like: "i-1",
      image_weight: "0.9",
      limit: "12",
    });
  });

  it("send a photo as a form", async () => {
    const fetching = answerWith(JSON.stringify({ id: "abc" }), 201, {
      "content-type": "application/json",
    });
    expect(await upload(new File(["x"], "a.png", { type: "image/png" }))).toBe("abc");
    const sent = fetching.mock.calls[0]?.[0];
    expect(sent?.headers.get("content-type")).toMatch(/^multipart\/form-data; boundary=/);
  });
});
