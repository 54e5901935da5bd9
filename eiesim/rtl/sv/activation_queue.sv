// ActivationQueue: holds broadcast activations, first in, first out, until PointerRead takes them (EIE Sec. IV).
// Beside eiesim/machine/activation_queue.py.
module activation_queue #(
    parameter int QUEUE_DEPTH = 8,
    parameter int COLUMN_BITS = 16,
    parameter int VALUE_BITS = 16
) (
    input  logic                         clock,
    input  logic                         start,
    // LNZD: the candidate, and whether it is broadcast.
    input  logic [COLUMN_BITS-1:0]       candidate_column,
    input  logic signed [VALUE_BITS-1:0] candidate_activation,
    input  logic                         fires,
    // PointerRead.
    input  logic                         ready,
    output logic                         full,
    output logic                         valid,
    output logic [COLUMN_BITS-1:0]       column,
    output logic signed [VALUE_BITS-1:0] activation
);
    localparam int HEAD_BITS = QUEUE_DEPTH > 1 ? $clog2(QUEUE_DEPTH) : 1;
    localparam int COUNT_BITS = $clog2(QUEUE_DEPTH + 1);
    localparam int TAIL_BITS = COUNT_BITS + 1;

    logic [COLUMN_BITS-1:0] columns [0:QUEUE_DEPTH-1];
    logic signed [VALUE_BITS-1:0] activations [0:QUEUE_DEPTH-1];
    logic [HEAD_BITS-1:0] head;
    logic [COUNT_BITS-1:0] count;
    logic taken;
    logic [HEAD_BITS-1:0] tail;
    logic [TAIL_BITS-1:0] next_head, beyond;

    // propagate
    assign full = count == COUNT_BITS'(QUEUE_DEPTH);
    assign valid = count != 0;
    assign column = columns[head];
    assign activation = activations[head];

    // The queue is a ring: past the last place comes place 0.
    assign taken = valid && ready;
    assign beyond = TAIL_BITS'(head) + TAIL_BITS'(count);
    assign tail = HEAD_BITS'(beyond >= TAIL_BITS'(QUEUE_DEPTH) ? beyond - TAIL_BITS'(QUEUE_DEPTH) : beyond);
    assign next_head = TAIL_BITS'(head) + 1'b1;

    // update
    always_ff @(posedge clock)
        if (fires) begin
            columns[tail] <= candidate_column;
            activations[tail] <= candidate_activation;
        end

    always_ff @(posedge clock)
        if (start || taken) head <= start || next_head == TAIL_BITS'(QUEUE_DEPTH) ? '0 : HEAD_BITS'(next_head);

    always_ff @(posedge clock)
        if (start || fires != taken) count <= start ? '0 : fires ? count + 1'b1 : count - 1'b1;

`ifndef SYNTHESIS
    logic [31:0] most, pushes, pops;
    always @(posedge clock)
        if (start) begin
            most <= 0;
            pushes <= 0;
            pops <= 0;
        end else begin
            if (32'(count) > most) most <= 32'(count);
            pushes <= pushes + 32'(fires);
            pops <= pops + 32'(taken);
            assert (!(fires && full)) else $fatal(1, "%m: the queue overflows");
            assert (!(taken && count == 0)) else $fatal(1, "%m: the queue underflows");
            assert (int'(count) <= QUEUE_DEPTH && int'(head) < QUEUE_DEPTH) else $fatal(1, "%m: head or count is out of range");
        end
`endif
endmodule
