// Grafana's types as JSON has them: an enum is one of its values.
export type Plain<T> = 0 extends 1 & T
  ? T
  : T extends string
    ? `${T}`
    : T extends number
      ? `${T}` extends `${infer Value extends number}`
        ? Value
        : number
      : T extends readonly (infer Item)[]
      ? Plain<Item>[]
      : T extends object
        ? { [Key in keyof T]: Plain<T[Key]> }
        : T;

// What the oldest and the newest Grafana both understand; a key that only one of them knows, the other leaves alone.
export type Both<Old, New> = 0 extends 1 & Old
  ? New
  : 0 extends 1 & New
    ? Old
    : Old extends readonly (infer OldItem)[]
      ? New extends readonly (infer NewItem)[]
        ? Both<OldItem, NewItem>[]
        : never
      : Old extends object
        ? New extends object
          ? { [Key in keyof Old as Key extends keyof New ? Key : never]: Both<Old[Key], New[Key & keyof New]> } & Omit<
              Old,
              keyof New
            > &
              Omit<New, keyof Old>
          : never
        : Old & New;

export type Known<Old, New> = Both<Plain<Old>, Plain<New>>;
