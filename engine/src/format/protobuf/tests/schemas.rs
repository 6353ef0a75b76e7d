//! Schemas that use everything the language has, and the message each record is.

pub const SCHEMAS: &[(&str, &str)] =
    &[("t.Scalars", SCALARS), ("t.Tree", TREE), ("t.Old", OLD), ("t.Known", KNOWN), ("t.Odd", ODD)];

pub const SCALARS: &str = r#"
syntax = "proto3";
package t;
message Scalars {
  int32 a_int32 = 1; int64 a_int64 = 2; uint32 a_uint32 = 3; uint64 a_uint64 = 4;
  sint32 a_sint32 = 5; sint64 a_sint64 = 6; fixed32 a_fixed32 = 7; fixed64 a_fixed64 = 8;
  sfixed32 a_sfixed32 = 9; sfixed64 a_sfixed64 = 10; float a_float = 11; double a_double = 12;
  bool a_bool = 13; string a_string = 14; bytes a_bytes = 15;
  optional int32 o_int32 = 21; optional int64 o_int64 = 22; optional uint64 o_uint64 = 24;
  optional sint32 o_sint32 = 25; optional fixed32 o_fixed32 = 27; optional float o_float = 31;
  optional bool o_bool = 33; optional string o_string = 34; optional bytes o_bytes = 35;
}
"#;

pub const TREE: &str = r#"
syntax = "proto3";
package t;
enum Color { RED = 0; GREEN = 1; BLUE = 7; option allow_alias = true; AZURE = 7; MINUS = -3; }
message Tree {
  message Leaf { string name = 1; Color color = 2; repeated double sizes = 3; bytes raw = 4; }
  Leaf leaf = 1;
  repeated Leaf leaves = 2;
  Tree left = 3;
  Tree right = 4;
  map<string, Leaf> by_name = 5;
  map<int32, string> by_number = 6;
  map<bool, int64> by_truth = 7;
  map<uint64, Color> by_large = 8;
  map<sint32, double> by_sign = 9;
  oneof choice { string text = 10; int64 number = 11; Leaf chosen = 12; Color hue = 13; bytes blob = 14; }
  repeated int32 packed = 15;
  repeated sint64 unpacked = 16 [packed = false];
  repeated string words = 17;
  repeated Color colors = 18;
  repeated bytes blobs = 19;
  repeated fixed32 fixed = 20;
  repeated bool flags = 21;
  Color color = 22;
  repeated float floats = 23 [packed = false];
}
"#;

pub const OLD: &str = r#"
syntax = "proto2";
package t;
enum Level { LOW = 5; HIGH = 9; }
message Old {
  required string id = 1;
  optional int32 plain = 2;
  optional int32 answer = 3 [default = 42];
  optional string motto = 4 [default = "a \"b\"\n"];
  optional bytes raw = 5 [default = "\000\377"];
  optional double ratio = 6 [default = -inf];
  optional float odd = 7 [default = nan];
  optional Level level = 8 [default = HIGH];
  optional Level unset = 9;
  optional uint64 large = 10 [default = 18446744073709551615];
  optional bool yes = 11 [default = true];
  optional group Box = 12 { required int32 width = 1; optional string label = 2; optional Old old = 3; }
  repeated group Item = 13 { optional string name = 1; repeated int32 n = 2; }
  repeated int32 numbers = 14;
  repeated Level levels = 15 [packed = true];
  optional Inner inner = 16;
  map<string, Inner> inners = 17;
  oneof either { int32 left = 18; Inner right = 19; group Both = 20 { optional int32 x = 1; } }
  message Inner { required int64 n = 1; optional Inner inner = 2; optional Level level = 3; }
}
"#;

pub const KNOWN: &str = r#"
syntax = "proto3";
package t;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/any.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/empty.proto";
import "confluent/type/decimal.proto";
import "google/type/date.proto";
import "google/type/timeofday.proto";
message Known {
  google.protobuf.Timestamp at = 1;
  google.protobuf.Duration took = 2;
  google.protobuf.Int32Value w_int32 = 3;
  google.protobuf.UInt64Value w_uint64 = 4;
  google.protobuf.StringValue w_string = 5;
  google.protobuf.BytesValue w_bytes = 6;
  google.protobuf.DoubleValue w_double = 7;
  google.protobuf.BoolValue w_bool = 8;
  google.protobuf.Struct object = 9;
  google.protobuf.Value value = 10;
  google.protobuf.ListValue list = 11;
  google.protobuf.Any any = 12;
  google.protobuf.FieldMask mask = 13;
  google.protobuf.Empty empty = 14;
  confluent.type.Decimal amount = 15;
  google.type.Date day = 16;
  google.type.TimeOfDay time = 17;
  repeated google.protobuf.Timestamp times = 18;
  map<string, google.protobuf.Duration> durations = 19;
  map<string, confluent.type.Decimal> amounts = 20;
  repeated google.protobuf.Value values = 21;
  repeated google.protobuf.Any anys = 22;
  Inner inner = 23;
  message Inner { google.protobuf.Timestamp at = 1; google.protobuf.FloatValue f = 2; google.protobuf.FieldMask mask = 3; confluent.type.Decimal amount = 4; }
}
"#;

/// Great and unordered numbers, more fields than a walk notes at a time, more
/// messages than fit the marks that need no arena.
pub const ODD: &str = r#"
syntax = "proto3";
package t;
message Odd {
  string last = 536870911; int32 f999 = 999; Odd odd = 600; string first = 1;
  int32 g1 = 101; int32 g2 = 102; int32 g3 = 103; int32 g4 = 104; int32 g5 = 105;
  string s1 = 111; string s2 = 112; string s3 = 113; string s4 = 114; string s5 = 115;
  Odd o1 = 121; Odd o2 = 122; Odd o3 = 123; Odd o4 = 124; Odd o5 = 125;
  repeated int32 r1 = 131; repeated int32 r2 = 132; repeated string r3 = 133; repeated Odd r4 = 134;
  double d1 = 141; double d2 = 142; double d3 = 143; double d4 = 144; double d5 = 145;
  bool b1 = 151; bool b2 = 152; bool b3 = 153; bool b4 = 154; bool b5 = 155; bool b6 = 156;
  oneof late { int32 l1 = 2000; string l2 = 2001; Odd l3 = 5; }
  fixed64 x1 = 161; fixed64 x2 = 162; map<string, Odd> m1 = 163; map<fixed64, bytes> m2 = 164;
}
"#;
