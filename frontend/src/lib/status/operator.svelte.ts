/** The operator's token, kept in this tab only. */
import { ApiProblem } from "../client";

const KEY = "biocosmos-operator";

class Operator {
  token = $state(sessionStorage.getItem(KEY) ?? "");
  problem = $state.raw<ApiProblem | null>(null);

  use(token: string): void {
    this.token = token.trim();
    this.problem = null;
    sessionStorage.setItem(KEY, this.token);
  }

  forget(): void {
    this.token = "";
    sessionStorage.removeItem(KEY);
  }

  /** Does something with the token; true when it worked. A token that is refused is forgotten. */
  async act(what: (token: string) => Promise<unknown>): Promise<boolean> {
    this.problem = null;
    try {
      await what(this.token);
      return true;
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      this.problem = error;
      if (error.status === 403) this.forget();
      return false;
    }
  }
}

export const operator = new Operator();
