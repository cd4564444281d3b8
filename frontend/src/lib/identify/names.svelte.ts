/** What uploaded photos were called, by id: known to this visit only, never sent with the photo. */
export const fileNames = $state<Record<string, string>>({});
