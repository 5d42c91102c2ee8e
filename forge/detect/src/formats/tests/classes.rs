//! Types of programs.

use super::{column, shorts, tables};
use crate::draft::Source;
use crate::formats::extract;
use crate::requirements::ColumnType;

#[test]
fn typescript_types_that_are_records() {
    let text = "
export interface IUser {
  id: string;
  displayName?: string;
  role: 'admin' | 'member';
  createdAt: Date;
  settings: { theme: string };
}
type Invoice = {
  id: number;
  user: IUser;
  lines: InvoiceLine[];
  amount: number | null;
};
interface InvoiceLine { id: string; invoiceId: string; text: string }
enum Kind { A = 'a', B = 'b' }";
    let found = tables("typescript", text);
    assert_eq!(
        shorts(&found),
        [
            "users(id# display_name role created_at settings)",
            "invoices(id# user_id>users amount)",
            "invoice_lines(id# invoice_id>invoices text)"
        ]
    );
    assert_eq!(column(&found[0], "role").values, ["admin", "member"]);
    assert_eq!(column(&found[0], "created_at").r#type, ColumnType::Timestamp);
    assert_eq!(column(&found[0], "settings").r#type, ColumnType::Json);
    assert_eq!(column(&found[1], "amount").r#type, ColumnType::Numeric(12, 2));
}

#[test]
fn typescript_types_that_are_not() {
    let text = "
interface ButtonProps { id: string; label: string; onClick: () => void }
interface AppState { userId: string; items: string[] }
type CreateUserRequest = { userId: string; name: string; email: string };
interface UserService { id: string; find(id: string): Promise<User> }
interface Store { id: string; load: (id: string) => void }
type ApiResponse<T> = { data: T; error: string; id: string };
type Mode = 'light' | 'dark';
const theme = { id: 'x', primary: '#fff' };";
    assert!(tables("ts", text).is_empty(), "{:?}", shorts(&tables("ts", text)));
}

#[test]
fn a_type_without_an_id_is_only_a_guess() {
    let drafts = extract(Some("ts"), "interface Task { title: string; done: boolean; due: Date }", 7);
    assert_eq!(drafts[0].source, Source::Spec);
    assert_eq!(drafts[0].table.lines, [7]);
    assert!(extract(Some("ts"), "interface Size { width: number; height: number }", 1).is_empty());
}

#[test]
fn zod_objects() {
    let text = "const taskSchema = z.object({ id: z.string().uuid(), userId: z.string(), note: z.string().optional(), size: z.enum(['s', 'l']) });";
    let found = tables("ts", text);
    assert_eq!(shorts(&found), ["tasks(id# user_id note size)"]);
    assert_eq!(column(&found[0], "id").r#type, ColumnType::Uuid);
    assert!(column(&found[0], "note").nullable && !column(&found[0], "user_id").nullable);
}

#[test]
fn go_structs() {
    let text = "
type Account struct {
	ID        uuid.UUID `json:\"id\" db:\"id\"`
	OwnerName string    `json:\"owner\" gorm:\"column:owner_name;not null;uniqueIndex\"`
	Balance   float64   `json:\"balance\"`
	ClosedAt  *time.Time `json:\"closedAt\"`
}
type Entry struct {
	gorm.Model
	AccountID uint
	Data []byte
}
type Server struct { ID string; run func() }";
    let found = tables("go", text);
    assert_eq!(
        shorts(&found),
        [
            "accounts(id# owner_name! balance closed_at)",
            "entries(id# created_at updated_at deleted_at account_id>accounts data)"
        ]
    );
    assert_eq!(column(&found[0], "closed_at").r#type, ColumnType::Timestamp);
    assert_eq!(column(&found[1], "data").r#type, ColumnType::Binary);
}

#[test]
fn python_models() {
    let django = "
class Author(models.Model):
    name = models.CharField(max_length=80, unique=True)

class Book(models.Model):
    class Meta:
        db_table = 'library_books'
    title = models.CharField(max_length=200)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name='books')
    price = models.DecimalField(max_digits=8, decimal_places=2)
    tags = models.ManyToManyField(Tag)
    made = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return self.title";
    let found = tables("python", django);
    assert_eq!(shorts(&found), ["authors(name!)", "library_books(title author_id>authors price made)"]);
    assert_eq!(column(&found[1], "title").r#type, ColumnType::Varchar(200));
    assert_eq!(column(&found[1], "price").r#type, ColumnType::Numeric(8, 2));
    assert_eq!(column(&found[1], "made").default.as_deref(), Some("now()"));
    assert_eq!(found[1].fks[0].on_delete.as_deref(), Some("cascade"));

    let alchemy = "
class User(Base):
    __tablename__ = \"users\"
    id: Mapped[int] = mapped_column(primary_key=True)
    email = Column(String(50), unique=True, nullable=False)
class Address(Base):
    __tablename__ = 'addresses'
    id = Column(Integer, primary_key=True)
    user_id = Column(Integer, ForeignKey('users.id', ondelete='CASCADE'))
    user = relationship('User')";
    let found = tables("py", alchemy);
    assert_eq!(shorts(&found), ["users(id# email!)", "addresses(id# user_id>users)"]);
    assert_eq!(column(&found[0], "email").r#type, ColumnType::Varchar(50));

    let pydantic = "
class Status(str, Enum):
    OPEN = 'open'
    SHUT = 'shut'
@dataclass
class Ticket:
    id: UUID
    status: Status
    owner: Optional[str] = None
    opened: datetime = field(default_factory=datetime.utcnow)
class TicketRequest(BaseModel):
    id: int
    text: str";
    let found = tables("python", pydantic);
    assert_eq!(shorts(&found), ["tickets(id# status owner opened)"]);
    assert_eq!(column(&found[0], "status").values, ["open", "shut"]);
    assert!(column(&found[0], "owner").nullable && !column(&found[0], "id").nullable);
}

#[test]
fn swift_kotlin_rust_and_csharp() {
    let swift = "struct Habit: Codable, Identifiable {\n  let id: UUID\n  var name: String\n  var streak: Int = 0\n  var done: Date?\n  var label: String { name }\n  func mark() { done = nil }\n}\nclass HabitViewModel { let id: Int }";
    assert_eq!(shorts(&tables("swift", swift)), ["habits(id# name streak done)"]);
    let kotlin = "@Entity(tableName = \"songs\")\ndata class Song(\n  @PrimaryKey val id: Long,\n  val title: String,\n  val albumId: Long?,\n  val plays: Int = 0\n)\nenum class Mood { HAPPY, SAD }\ndata class Album(val id: Long, val mood: Mood)";
    let found = tables("kotlin", kotlin);
    assert_eq!(shorts(&found), ["songs(id# title album_id>albums plays)", "albums(id# mood)"]);
    assert_eq!(column(&found[1], "mood").values, ["happy", "sad"]);
    let rust = "#[derive(Debug, FromRow)]\npub struct Visit {\n    pub id: Uuid,\n    pub site_id: Uuid,\n    pub note: Option<String>,\n    pub at: DateTime<Utc>,\n}\nstruct Config { id: u8 }";
    assert_eq!(shorts(&tables("rust", rust)), ["visits(id# site_id note at)"]);
    let csharp = "public class Shipment\n{\n    [Key]\n    public Guid Id { get; set; }\n    public string Code { get; set; } = \"\";\n    public decimal Weight { get; set; }\n    public DateTime? SentAt { get; set; }\n    public void Send() { Code = \"x\"; }\n}\npublic class ShipmentService { private int id; }";
    let found = tables("csharp", csharp);
    assert_eq!(shorts(&found), ["shipments(id# code weight sent_at)"]);
    let java = "@Entity\n@Table(name = \"cars\")\npublic class Car {\n  @Id\n  @GeneratedValue(strategy = GenerationType.AUTO)\n  private Long id;\n  private String plate;\n  public String getPlate() { return plate; }\n}";
    assert_eq!(shorts(&tables("java", java)), ["cars(id# plate)"]);
}
