//! Schema languages.

use super::{column, shorts, tables};
use crate::requirements::{Access, ColumnType};

#[test]
fn sql_of_postgres() {
    let text = "
-- the shop
CREATE TYPE order_status AS ENUM ('open', 'paid');
CREATE TABLE IF NOT EXISTS public.customers (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  email varchar(120) UNIQUE NOT NULL,
  tags text[] DEFAULT '{}'::text[],
  joined timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE \"orders\" (
  id bigserial,
  customer_id uuid NOT NULL REFERENCES public.customers(id) ON DELETE SET NULL,
  status order_status DEFAULT 'open',
  total numeric(10,2) CHECK (total >= 0),
  place text CHECK (place IN ('home', 'shop')),
  PRIMARY KEY (id),
  UNIQUE (customer_id, status)
);
CREATE UNIQUE INDEX ON orders (total);
ALTER TABLE orders ADD COLUMN note text;
";
    let found = tables("sql", text);
    assert_eq!(
        shorts(&found),
        ["customers(id# email! tags joined)", "orders(id# customer_id>customers status total! place note)"]
    );
    let (customers, orders) = (&found[0], &found[1]);
    assert_eq!(column(customers, "id").default.as_deref(), Some("uuid()"));
    assert_eq!(column(customers, "email").r#type, ColumnType::Varchar(120));
    assert!(!column(customers, "email").nullable);
    assert_eq!(column(customers, "tags").r#type, ColumnType::Array(Box::new(ColumnType::Text)));
    assert_eq!(column(customers, "joined").default.as_deref(), Some("now()"));
    assert_eq!(orders.fks[0].on_delete.as_deref(), Some("set null"));
    assert_eq!(column(orders, "status").values, ["open", "paid"]);
    assert_eq!(column(orders, "status").default.as_deref(), Some("open"));
    assert_eq!(column(orders, "total").r#type, ColumnType::Numeric(10, 2));
    assert_eq!(column(orders, "place").values, ["home", "shop"]);
    assert_eq!(orders.uniques, [["customer_id", "status"]]);
    assert_eq!(customers.lines.first(), Some(&4));
}

#[test]
fn sql_of_mysql_and_sqlite() {
    let text = "CREATE TABLE `rooms` (
  `id` INT UNSIGNED NOT NULL AUTO_INCREMENT,
  `kind` ENUM('single','double') NOT NULL DEFAULT 'single',
  `open` TINYINT(1) DEFAULT 1,
  `house_id` INT,
  PRIMARY KEY (`id`),
  UNIQUE KEY `by_kind` (`kind`),
  KEY `x` (`open`),
  CONSTRAINT fk_house FOREIGN KEY (`house_id`) REFERENCES `houses` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB;
create table houses (id integer primary key autoincrement, name text not null, seen datetime default current_timestamp)";
    let found = tables("", text);
    assert_eq!(shorts(&found), ["rooms(id# kind! open house_id>houses)", "houses(id# name seen)"]);
    assert_eq!(column(&found[0], "kind").values, ["single", "double"]);
    assert_eq!(column(&found[0], "open").r#type, ColumnType::Boolean);
    assert_eq!(found[0].fks[0].on_delete.as_deref(), Some("cascade"));
    assert_eq!(column(&found[1], "seen").r#type, ColumnType::Timestamp);
}

#[test]
fn sql_that_is_broken_or_elided_still_gives_what_it_can() {
    let text = "CREATE TABLE users (
  id uuid PRIMARY KEY
  email text UNIQUE,
  ...
);
CREATE TABLE posts (
  id uuid primary key,
  user_id uuid,
  body text,
CREATE TABLE likes (post_id uuid references posts, user_id uuid references users on delete cascade, primary key (post_id, user_id));
create table empty_one";
    let found = tables("sql", text);
    assert_eq!(
        shorts(&found),
        ["users(id# email!)", "posts(id# user_id>users body)", "likes(post_id>posts user_id>users)"]
    );
    assert_eq!(found[2].primary_key, ["post_id", "user_id"]);
}

#[test]
fn sql_references_to_the_users_of_the_platform_and_its_policies() {
    let text = "create table notes (id uuid primary key, user_id uuid references auth.users on delete cascade, body text);
alter table notes enable row level security;
create policy mine on notes for all using (auth.uid() = user_id);
create table plans (id uuid primary key, name text);
create policy seen on plans for select using (true);
create table pages (id uuid primary key, user_id uuid);
create policy seen on pages for select using (true);
create policy own on pages for update using (auth.uid() = user_id);";
    let found = tables("sql", text);
    assert_eq!(found[0].fks[0].references, "users");
    assert_eq!(
        found.iter().map(|table| table.access).collect::<Vec<_>>(),
        [Access::Own, Access::Public, Access::OwnOrPublic]
    );
}

#[test]
fn prisma_models() {
    let text = "
model User {
  id        String   @id @default(uuid())
  email     String   @unique
  name      String?
  role      Role     @default(ADMIN)
  posts     Post[]
  createdAt DateTime @default(now()) @map(\"created_at\")
  @@map(\"app_users\")
}
model Post {
  id       Int    @id @default(autoincrement())
  title    String @db.VarChar(80)
  author   User   @relation(fields: [authorId], references: [id], onDelete: Cascade)
  authorId String
  @@unique([authorId, title])
}
enum Role { 
  ADMIN
  MEMBER
}";
    let found = tables("prisma", text);
    assert_eq!(
        shorts(&found),
        ["app_users(id# email! name role created_at)", "posts(id# title author_id>users)"]
    );
    assert_eq!(column(&found[0], "role").values, ["ADMIN", "MEMBER"]);
    assert_eq!(column(&found[0], "role").default.as_deref(), Some("ADMIN"));
    assert_eq!(column(&found[1], "title").r#type, ColumnType::Varchar(80));
    assert_eq!(found[1].uniques, [["author_id", "title"]]);
    assert_eq!(found[1].fks[0].on_delete.as_deref(), Some("cascade"));
    let cut = tables("", "model Cat {\n id String @id\n name String\n ... \nmodel Dog {\n id Int @id\n");
    assert_eq!(shorts(&cut), ["cats(id# name)", "dogs(id#)"]);
}

#[test]
fn drizzle_tables() {
    let text = "
export const kindEnum = pgEnum('kind', ['a', 'b']);
export const people = pgTable('people', {
  id: uuid('id').primaryKey().defaultRandom(),
  email: varchar('email', { length: 255 }).notNull().unique(),
  kind: kindEnum('kind').default('a'),
  madeAt: timestamp('made_at', { withTimezone: true }).defaultNow().notNull(),
});
export const letters = pgTable(\"letters\", {
  id: serial().primaryKey(),
  senderId: uuid('sender_id').notNull().references(() => people.id, { onDelete: 'cascade' }),
  cost: numeric('cost', { precision: 8, scale: 2 }),
}, (t) => [index('x').on(t.senderId)]);";
    let found = tables("ts", text);
    assert_eq!(shorts(&found), ["people(id# email! kind made_at)", "letters(id# sender_id>people cost)"]);
    assert_eq!(column(&found[0], "email").r#type, ColumnType::Varchar(255));
    assert_eq!(column(&found[0], "kind").values, ["a", "b"]);
    assert_eq!(column(&found[0], "made_at").default.as_deref(), Some("now()"));
    assert_eq!(found[1].fks[0].on_delete.as_deref(), Some("cascade"));
    assert_eq!(column(&found[1], "cost").r#type, ColumnType::Numeric(8, 2));
    assert_eq!(
        shorts(&tables(
            "ts",
            "export const x = sqliteTable('x', { id: integer('id').primaryKey(), n: text('n'"
        )),
        ["x(id# n)"]
    );
}

#[test]
fn mongoose_schemas() {
    let text = "
const bookSchema = new mongoose.Schema({
  title: { type: String, required: true, unique: true },
  pages: Number,
  author: { type: Schema.Types.ObjectId, ref: 'Writer' },
  state: { type: String, enum: ['new', 'old'], default: 'new' },
  labels: [String],
  readers: [{ type: Schema.Types.ObjectId, ref: 'Writer' }],
  seen: { type: Date, default: Date.now },
}, { timestamps: true });
const WriterSchema = new Schema({ name: String });
module.exports = mongoose.model('Book', bookSchema);";
    let found = tables("js", text);
    assert_eq!(
        shorts(&found),
        ["books(title! pages author_id>writers state labels seen created_at updated_at)", "writers(name)"]
    );
    assert_eq!(column(&found[0], "state").values, ["new", "old"]);
    assert_eq!(column(&found[0], "seen").default.as_deref(), Some("now()"));
    assert!(!column(&found[0], "title").nullable);
}

#[test]
fn graphql_types() {
    let text = "
type Recipe @model {
  id: ID!
  \"the name\"
  title: String! @unique
  cook: Cook! @relation(fields: [\"cookId\"])
  cookId: ID!
  steps(first: Int = 10): [Step!]!
  level: Level
}
type Cook { id: ID!, name: String }
type Step { id: ID! recipe: Recipe! }
enum Level { EASY HARD }
type Query { recipes: [Recipe!]! }
type RecipeConnection { edges: [RecipeEdge] }
input NewRecipe { title: String }";
    let found = tables("graphql", text);
    assert_eq!(
        shorts(&found),
        ["recipes(id# title! cook_id>cooks level)", "cooks(id# name)", "steps(id# recipe_id>recipes)"]
    );
    assert_eq!(column(&found[0], "level").values, ["EASY", "HARD"]);
}

#[test]
fn mermaid_diagrams() {
    let text = "erDiagram
    %% the store
    CUSTOMER ||--o{ ORDER : places
    ORDER ||--|{ LINE_ITEM : contains
    CUSTOMER {
        string id PK
        string email UK \"login\"
    }
    ORDER {
        int id PK
        int customer_id FK
        decimal total
    }
    LINE_ITEM { int id PK }
    STUDENT }o--o{ COURSE : takes";
    let found = tables("mermaid", text);
    assert_eq!(
        shorts(&found),
        [
            "customers(id# email!)",
            "orders(id# customer_id>customers total)",
            "line_items(id# order_id>orders)",
            "students()",
            "courses()"
        ]
    );
    assert!(tables("mermaid", "graph TD\n A --> B").is_empty());
    assert_eq!(
        shorts(&tables("", "erDiagram\n A ||--o{ B : x\n B {\n int id PK\n")),
        ["as()", "bs(id# as_id>as)"]
    );
}

#[test]
fn dbml_tables() {
    let text = "
Table users as U {
  id integer [pk, increment]
  email varchar(90) [unique, not null]
  created_at timestamp [default: `now()`]
}
Table posts {
  id integer [primary key]
  author integer [ref: > users.id]
  editor integer
  state post_state [default: 'draft']
  indexes { (author, state) [unique] }
}
Enum post_state { draft
 live }
Ref: posts.editor > users.id [delete: set null]";
    let found = tables("dbml", text);
    assert_eq!(
        shorts(&found),
        ["users(id# email! created_at)", "posts(id# author>users editor>users state)"]
    );
    assert_eq!(column(&found[0], "created_at").default.as_deref(), Some("now()"));
    assert_eq!(column(&found[1], "state").values, ["draft", "live"]);
    assert_eq!(found[1].uniques, [["author", "state"]]);
    assert_eq!(found[1].fks[1].on_delete.as_deref(), Some("set null"));
    assert_eq!(shorts(&tables("", "Table x {\n id int [pk\n")), ["xes(id#)"].map(|_| "x(id#)"));
}

#[test]
fn ids_of_other_services_refer_to_no_table() {
    let found = tables(
        "sql",
        "create table subscriptions (id uuid primary key, stripe_subscription_id text, trial_plan_id uuid); create table plans (id uuid);",
    );
    assert_eq!(shorts(&found)[0], "subscriptions(id# stripe_subscription_id trial_plan_id>plans)");
}
