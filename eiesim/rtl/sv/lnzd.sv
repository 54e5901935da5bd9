// LNZD and CCU: finds the leading non-zero activation and broadcasts it (EIE Sec. IV, "Distributed LNZD").
// Beside eiesim/machine/lnzd.py. A quadtree of LNZD nodes answers within a cycle; its root is the CCU.
module lnzd #(
    parameter int PES = 4,
    parameter int SCAN_BITS = 7,
    parameter int COLUMN_BITS = 16,
    parameter int VALUE_BITS = 16
) (
    input  logic                         clock,
    input  logic                         reset,
    input  logic                         start,
    input  logic [SCAN_BITS-1:0]         rows,
    input  logic [PES*VALUE_BITS-1:0]    presented,
    input  logic [PES-1:0]               full,
    output logic                         fires,
    output logic                         row_taken,
    output logic                         done,
    output logic [COLUMN_BITS-1:0]       column,
    output logic signed [VALUE_BITS-1:0] activation
);
    localparam int PLACE_BITS = $clog2(PES + 1);
    // Levels of the tree, and its leaves: four to the power of the levels.
    localparam int LEVELS = PES > 1 ? ($clog2(PES) + 1) / 2 : 1;
    localparam int LEAVES = 1 << (2 * LEVELS);
    localparam int POINTS = (4 * LEAVES - 1) / 3;

    logic [PES*VALUE_BITS-1:0] held;
    logic [SCAN_BITS-1:0] row;
    logic [COLUMN_BITS-1:0] base;  // row * PES
    logic [PLACE_BITS-1:0] next_place;
    logic found;
    logic [PLACE_BITS-1:0] place;

    // The tree: point 0 is the root, and the children of point n are the points 4 n + 1 to 4 n + 4.
    logic [POINTS-1:0] founds;
    logic [POINTS*PLACE_BITS-1:0] places;
    logic [POINTS*VALUE_BITS-1:0] activations;
    genvar n;
    generate
        for (n = 0; n < POINTS - LEAVES; n = n + 1) begin : nodes
            lnzd_node #(.PLACE_BITS(PLACE_BITS), .VALUE_BITS(VALUE_BITS)) node (
                .founds(founds[4*n+1 +: 4]),
                .places(places[(4*n+1)*PLACE_BITS +: 4*PLACE_BITS]),
                .activations(activations[(4*n+1)*VALUE_BITS +: 4*VALUE_BITS]),
                .found(founds[n]),
                .place(places[n*PLACE_BITS +: PLACE_BITS]),
                .activation(activations[n*VALUE_BITS +: VALUE_BITS])
            );
        end
        for (n = 0; n < LEAVES; n = n + 1) begin : leaves
            localparam int POINT = POINTS - LEAVES + n;
            if (n < PES) begin : pe
                assign founds[POINT] = held[n*VALUE_BITS +: VALUE_BITS] != 0 && PLACE_BITS'(n) >= next_place;
                assign places[POINT*PLACE_BITS +: PLACE_BITS] = PLACE_BITS'(n);
                assign activations[POINT*VALUE_BITS +: VALUE_BITS] = held[n*VALUE_BITS +: VALUE_BITS];
            end else begin : none
                assign founds[POINT] = 1'b0;
                assign places[POINT*PLACE_BITS +: PLACE_BITS] = '0;
                assign activations[POINT*VALUE_BITS +: VALUE_BITS] = '0;
            end
        end
    endgenerate

    // propagate
    assign found = founds[0] && !done;
    assign place = places[PLACE_BITS-1:0];
    assign column = base + COLUMN_BITS'(place);
    assign activation = activations[VALUE_BITS-1:0];

    // settle
    assign fires = found && full == 0;
    assign row_taken = !done && (!found || (fires && place == PLACE_BITS'(PES - 1)));

    // update
    always_ff @(posedge clock)
        if (start || row_taken) held <= presented;

    always_ff @(posedge clock)
        if (reset) begin
            done <= 1'b1;
            row <= '0;
            base <= '0;
            next_place <= '0;
        end else if (start) begin
            done <= 1'b0;
            row <= '0;
            base <= '0;
            next_place <= '0;
        end else if (row_taken) begin
            done <= row + 1'b1 == rows;
            row <= row + 1'b1;
            base <= base + COLUMN_BITS'(PES);
            next_place <= '0;
        end else if (fires) next_place <= place + 1'b1;

`ifndef SYNTHESIS
    logic [31:0] broadcasts, scan_bubbles, broadcast_stalls;
    always @(posedge clock)
        if (start) begin
            broadcasts <= 0;
            scan_bubbles <= 0;
            broadcast_stalls <= 0;
        end else if (!done) begin
            broadcasts <= broadcasts + 32'(fires);
            scan_bubbles <= scan_bubbles + 32'(!found);
            broadcast_stalls <= broadcast_stalls + 32'(found && !fires);
            assert (!found || (int'(place) < PES && place >= next_place))
                else $fatal(1, "%m: place %0d is sent twice or is out of range", place);
        end
`endif
endmodule
