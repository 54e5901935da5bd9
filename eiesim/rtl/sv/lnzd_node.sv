// A node of the LNZD quadtree: of four children, the first that has found a non-zero activation (EIE Sec. IV).
// Child k lies at the bits [k * PLACE_BITS +: PLACE_BITS] of `places`, and so on.
module lnzd_node #(
    parameter int PLACE_BITS = 6,
    parameter int VALUE_BITS = 16
) (
    input  logic [3:0]                   founds,
    input  logic [4*PLACE_BITS-1:0]      places,
    input  logic [4*VALUE_BITS-1:0]      activations,
    output logic                         found,
    output logic [PLACE_BITS-1:0]        place,
    output logic [VALUE_BITS-1:0]        activation
);
    logic [3:0] first;
    assign first = {founds[3] && founds[2:0] == 0, founds[2] && founds[1:0] == 0, founds[1] && !founds[0], founds[0]};
    assign found = founds != 0;
    assign place = ({PLACE_BITS{first[0]}} & places[0*PLACE_BITS +: PLACE_BITS])
                 | ({PLACE_BITS{first[1]}} & places[1*PLACE_BITS +: PLACE_BITS])
                 | ({PLACE_BITS{first[2]}} & places[2*PLACE_BITS +: PLACE_BITS])
                 | ({PLACE_BITS{first[3]}} & places[3*PLACE_BITS +: PLACE_BITS]);
    assign activation = ({VALUE_BITS{first[0]}} & activations[0*VALUE_BITS +: VALUE_BITS])
                      | ({VALUE_BITS{first[1]}} & activations[1*VALUE_BITS +: VALUE_BITS])
                      | ({VALUE_BITS{first[2]}} & activations[2*VALUE_BITS +: VALUE_BITS])
                      | ({VALUE_BITS{first[3]}} & activations[3*VALUE_BITS +: VALUE_BITS]);
endmodule
